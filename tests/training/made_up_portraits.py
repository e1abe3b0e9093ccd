"""A face space of a few numbers, and records of noise for it: what a step promises, in seconds."""

import dataclasses

import cv2
import numpy as np

from playmate_jax.models.appearance import AppearanceConfig
from playmate_jax.models.discriminator import DiscriminatorConfig
from playmate_jax.models.motion_extractor import MotionConfig
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.spade import SpadeConfig
from playmate_jax.models.warping import WarpingConfig
from playmate_jax.training.loop import LoopConfig
from playmate_jax.training.portraits import PortraitsConfig

SIDE = 16
RENDERER = RendererConfig(
    appearance=AppearanceConfig(4, 8, 2, volume_channels=2, volume_depth=2, resblocks=1),
    motion=MotionConfig(depths=(1, 1), dims=(4, 8), patch=2, kernel_size=3),
    warping=WarpingConfig(
        compressed_channels=1, hourglass_channels=2, hourglass_blocks=2, hourglass_max_channels=4,
        mask_kernel=3, out_channels=4,
    ),
    spade=SpadeConfig(middle_channels=4, middle_blocks=1, up_channels=(4,), hidden_channels=4),
    image_size=SIDE,
)  # fmt: skip


def portraits(**changes) -> PortraitsConfig:
    """The configuration, with some fields replaced."""
    config = PortraitsConfig(
        steps=8, clips="nowhere", batch_size=8, pairs=1, renderer=RENDERER,
        discriminator=DiscriminatorConfig(2, 4, blocks=2, scales=1),
        loop=LoopConfig(log_every=1, checkpoint_minutes=0, checkpoint_every=2),
    )  # fmt: skip
    return dataclasses.replace(config, **changes)


def noise_records(count: int = 6, images: int = 3, size: int = SIDE) -> list[dict]:
    """Clips of as many people: smooth noise for images, with landmarks in every other clip."""
    return [_record(n, images, size) for n in range(count)]


def _record(number: int, images: int, size: int) -> dict:
    rng = np.random.default_rng(number)
    pixels = [
        cv2.resize(x, (size, size)) for x in rng.integers(0, 255, (images, 4, 4, 3), np.uint8)
    ]
    return {
        "id": f"clip-{number}",
        "speaker": f"speaker-{number}",
        "frames": [cv2.imencode(".jpg", image)[1].tobytes() for image in pixels],
        "rows": np.arange(images, dtype=np.int32),
        "motion": rng.normal(0, 5, (images, 70)).astype(np.float32),
        "landmarks": rng.uniform(0, size, (images if number % 2 else 0, 468, 2)).astype(np.float16),
        "identity": rng.standard_normal(63).astype(np.float32),
    }
