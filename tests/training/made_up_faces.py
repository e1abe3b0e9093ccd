"""Stitching and retargeting in seconds: made-up faces with landmarks, on a random renderer."""

from pathlib import Path

import cv2
import jax
import numpy as np

from playmate_jax.configuration import to_values
from playmate_jax.faces.landmarker import JAW, LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE
from playmate_jax.losses.regions import LIPS
from playmate_jax.models import renderer
from playmate_jax.training.loop import LoopConfig
from playmate_jax.training.optimizer import OptimizerConfig
from playmate_jax.training.retargeting import FrozenRenderer, RetargetingConfig
from tests.models.test_renderer import SMALL

CONFIG = RetargetingConfig(
    renderer="",
    clips="",
    steps=6,
    optimizer=OptimizerConfig(learning_rate=3e-3, ema_decay=0.5),
    loop=LoopConfig(log_every=2, checkpoint_minutes=0, checkpoint_every=2),
)
SIDE = SMALL.image_size


def records(people: int = 4, images: int = 4) -> list[dict]:
    """A clip a person: blurred noise, with landmarks of a face; eyes and lips open at random."""
    rng = np.random.default_rng(0)
    return [
        {
            "id": f"clip-{person}",
            "speaker": f"speaker-{person}",
            "frames": [_jpeg(rng) for _ in range(images)],
            "rows": np.arange(images, dtype=np.int32),
            "motion": np.zeros((images, 70), np.float32),
            "landmarks": np.stack([mesh(*rng.uniform(0, 0.6, 2)) for _ in range(images)]),
            "identity": np.zeros(63, np.float32),
        }
        for person in range(people)
    ]


def mesh(eyes: float, lips: float) -> np.ndarray:
    """Landmarks (468, 2) in pixels of a face with that openness; the chin at 3/4 of the height."""
    points = np.full((468, 2), 0.5)
    points[list(JAW)] = np.stack([np.linspace(0.3, 0.7, len(JAW)), np.full(len(JAW), 0.75)], -1)
    for eye, x, side in ((LEFT_EYE, 0.4, -1), (RIGHT_EYE, 0.6, 1)):
        points[list(eye)] = [(x + side * 0.05, 0.4), (x, 0.4 - 0.05 * eyes),
                             (x - side * 0.05, 0.4), (x, 0.4 + 0.05 * eyes)]  # fmt: skip
    points[list(MOUTH_CORNERS)] = [(0.4, 0.6), (0.6, 0.6)]
    points[[13, 14]] = [(0.5, 0.6 - 0.1 * lips), (0.5, 0.6 + 0.1 * lips)]
    points[list(LIPS[2:])] = points[[13, 14]] + [(0, -0.02), (0, 0.02)]
    return (SIDE * points).astype(np.float32)


def frozen(config=SMALL) -> FrozenRenderer:
    """A renderer of random numbers, as if it had been loaded."""
    params = jax.tree.map(np.asarray, renderer.init(config, jax.random.key(0)))
    values = {"kind": "renderer", "crop": {"scale": 2.0}, **to_values(config)}
    return FrozenRenderer(Path("made-up"), values, params, {"name": "random"})


def readout() -> dict:
    """A readout of openness and landmarks of random numbers."""
    rng = np.random.default_rng(1)
    shapes = {"openness": (126, 3), "landmarks": (63, 936)}
    return {
        name: {
            "kernel": rng.normal(0, 0.1, shape).astype(np.float32),
            "bias": np.full(shape[1], 0.3, np.float32),
        }
        for name, shape in shapes.items()
    }


def _jpeg(rng: np.random.Generator) -> bytes:
    image = cv2.resize(rng.uniform(0, 255, (6, 6, 3)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", np.clip(image, 0, 255).astype(np.uint8))[1].tobytes()
