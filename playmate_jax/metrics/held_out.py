"""Synthetic people and sentences in no training set, and motion generated for them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.inference.generate import GenerateOptions, MotionModel, generate
from playmate_jax.models.log_mel import log_mel
from playmate_jax.motion.layout import MOTION_SIZE, POSE
from playmate_jax.synthetic.clips import clip

HELD_OUT: dict[str, dict[str, Any]] = {
    "test_formant": dict(seed=1001, count=24, voice="formant", seconds=12),
    "test_espeak": dict(seed=1002, count=24, voice="espeak_held_out", seconds=12),
    "test_human": dict(seed=1005, count=24, voice="human_held_out", seconds=12),
    "test_emotional": dict(
        seed=1003, count=64, voice="formant", seconds=12, emotional=True, varied=False
    ),
    "test_minute": dict(seed=1004, count=4, voice="formant", seconds=60),
}


def held_out(kind: str, count: int) -> dict[str, Any]:
    """The first n = `count` clips of a kind (`HELD_OUT`), or all that it has: features (n, t, f),
    motion (n, t, 70), units (n, t, 18), identity (n, 63), emotion (n, t, 8), and "phonemes", n
    lists of segments."""
    how = dict(HELD_OUT[kind])
    seed, total = how.pop("seed"), how.pop("count")
    clips = [clip(seed, index, features=log_mel, **how) for index in range(min(count, total))]
    arrays = ("features", "motion", "units", "identity", "emotion")
    stacked = {name: np.stack([made[name] for made in clips]) for name in arrays}
    return stacked | {"phonemes": [made["phonemes"] for made in clips]}


def generated(
    model: MotionModel,
    clips: Mapping[str, Any],
    options: GenerateOptions,
    emotion: Float[np.ndarray, "*n 8"] | None = None,
) -> Float[np.ndarray, "n t 70"]:
    """Motion for the speech of n held-out clips, around the clips' own mean poses.

    Args:
      clips: as `held_out` gives them.
      emotion: weights times intensity, of each clip (n, 8) or frame (n, t, 8); None: none.
    """
    own = np.zeros((len(clips["motion"]), MOTION_SIZE), np.float32)
    own[:, POSE] = clips["motion"][:, :, POSE].mean(1)
    return generate(model, clips["features"], clips["identity"], own, emotion, options)
