"""What the generator asks of a speech encoder.

Features at 25 frames a second, one row per video frame of the speech. The log-mel front end
(models/log_mel.py) needs no weights; pretrained encoders at 50 Hz average neighbouring rows
(`at_video_rate`).
"""

from typing import Protocol, runtime_checkable

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

AUDIO_HZ = 16_000
SAMPLES_PER_FRAME = 640


@runtime_checkable
class SpeechEncoder(Protocol):
    """Speech to features."""

    @property
    def size(self) -> int:
        """Features per frame."""

    def __call__(self, audio: Float[ArrayLike, " s"]) -> Float[ArrayLike, "t f"]:
        """Features of mono speech in [-1, 1] at 16 kHz; t = ceil(s / 640)."""


def at_video_rate(features: Float[ArrayLike, "n f"]) -> Float[Array, "t f"]:
    """25 Hz from 50 Hz: means of neighbouring pairs; an odd last row stands alone."""
    features = jnp.asarray(features)
    if len(features) % 2:
        features = jnp.concatenate([features, features[-1:]])
    return features.reshape(-1, 2, features.shape[-1]).mean(1)
