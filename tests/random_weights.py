"""Random weights of a tiny size, on disk: to try the whole pipeline where nothing is trained.

Sizes are so small that everything compiles and runs in seconds. Faces come out as noise.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from playmate_jax.configuration import to_values
from playmate_jax.hub.weights import save_weights
from playmate_jax.models import renderer
from playmate_jax.models.appearance import AppearanceConfig
from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.models.log_mel import LogMelConfig
from playmate_jax.models.motion_denoiser import MotionDenoiserConfig
from playmate_jax.models.motion_extractor import MotionConfig
from playmate_jax.models.motion_model import (
    MotionModelConfig,
    init_emotion,
    init_generator,
)
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.spade import SpadeConfig
from playmate_jax.models.warping import WarpingConfig
from playmate_jax.motion.normalization import MotionStatistics, Statistics
from playmate_jax.motion.windows import WindowConfig

TINY_RENDERER = RendererConfig(
    appearance=AppearanceConfig(
        channels=4, max_channels=8, volume_channels=2, volume_depth=4, resblocks=1
    ),
    motion=MotionConfig(depths=(1, 1, 1, 1), dims=(4, 4, 8, 8)),
    warping=WarpingConfig(
        compressed_channels=2, hourglass_channels=4, hourglass_blocks=2,
        hourglass_max_channels=8, out_channels=8,
    ),
    spade=SpadeConfig(
        middle_channels=8, middle_blocks=1, up_channels=(4, 4), hidden_channels=4, upscale=1,
    ),
    image_size=64,
)  # fmt: skip

TINY_MOTION = MotionModelConfig(
    generator=MotionDenoiserConfig(
        speech_size=LogMelConfig().size, width=16, condition_width=8, layers=1, heads=2,
        feed_forward=16, kernel_size=3, prediction="x0", window=WindowConfig(length=20, previous=5),
    ),
    emotion=EmotionConfig(blocks=1, heads=2, mlp_ratio=1, condition_width=8),
    speech="log_mel",
)  # fmt: skip


def write_random_weights(folder: str | Path, seed: int = 0) -> Path:
    """Writes `folder`/renderer and `folder`/generator (layout in weights/README.md)."""
    folder = Path(folder)
    rng = np.random.default_rng(seed)
    card = {"name": "random", "title": "random numbers of a tiny size", "domain": "drawn"}
    shapes = jax.eval_shape(lambda: renderer.init(TINY_RENDERER, jax.random.key(0)))
    config = {
        "kind": "renderer",
        "crop": {"scale": 1.9, "vx": 0.0, "vy": -0.1},
        **to_values(TINY_RENDERER),
    }
    save_weights(folder / "renderer", config, random_params(shapes, rng), card)
    shapes = jax.eval_shape(_motion_params)
    params = random_params(shapes, rng) | {"statistics": _statistics().to_tree()}
    config = {"kind": "playmate", **to_values(TINY_MOTION)}
    save_weights(folder / "generator", config, params, card)
    return folder


def _motion_params() -> dict[str, Any]:
    key = jax.random.key(0)
    return {
        "generator": init_generator(TINY_MOTION.generator, key),
        "emotion": init_emotion(TINY_MOTION, key),
    }


def _statistics() -> Statistics:
    """Expression hardly moves, the head by a few degrees."""
    speech = TINY_MOTION.generator.speech_size
    return Statistics(
        motion=MotionStatistics(
            expression_mean=np.zeros(63, np.float32),
            expression_std=np.full(63, 0.01, np.float32),
            expression_low=np.full(63, -0.05, np.float32),
            expression_high=np.full(63, 0.05, np.float32),
            pose_std=np.array([0.01, 0.01, 0.01, 0, 1, 1, 1], np.float32),
        ),
        speech_mean=np.zeros(speech, np.float32),
        speech_std=np.full(speech, 5, np.float32),
        identity_mean=np.zeros(63, np.float32),
        identity_std=np.ones(63, np.float32),
    )


def random_params(shapes: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Numbers that keep activations near unit size; norms and running statistics at rest."""
    filled = {}
    for path, leaf in flatten_dict(dict(shapes)).items():
        shape, name = leaf.shape, path[-1]
        if name == "kernel":
            fan_in = max(1, int(np.prod(shape[:-1])))
            filled[path] = rng.normal(0, fan_in**-0.5, shape).astype(np.float32)
        elif name in ("scale", "var"):
            filled[path] = np.ones(shape, np.float32)
        else:
            filled[path] = np.zeros(shape, np.float32)
    for path in [path for path in filled if "spectral" in path]:
        at = path.index("spectral")
        kernel = filled[(*path[:at], "params", *path[at + 1 : -1], "kernel")]
        left, _, right = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), full_matrices=False)
        found = left[:, 0] if path[-1] == "v" else right[0]
        filled[path] = found.reshape(filled[path].shape)
    return unflatten_dict(filled)
