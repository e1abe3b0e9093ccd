"""What the generator asks of a speech encoder.

Features at 25 frames a second, one row per video frame of the speech. The log-mel front end
(models/log_mel.py) needs no weights; pretrained encoders at 50 Hz average neighbouring rows
(`at_video_rate`).
"""

from typing import Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float


@runtime_checkable
class SpeechEncoder(Protocol):
    """What every speech encoder is: a callable from audio to features at 25 fps."""

    @property
    def size(self) -> int:
        """The speech feature dimension, per video frame."""

    def __call__(self, audio: Float[ArrayLike, " s"]) -> Float[ArrayLike, "t f"]:
        """Features of mono speech in [-1, 1] at 16 kHz; t = ceil(s / 640)."""


def at_video_rate(features: Float[ArrayLike, "n f"]) -> Float[Array, "t f"]:
    """25 Hz from 50 Hz: means of neighbouring pairs; an odd last row stands alone."""
    features = jnp.asarray(features)
    if len(features) % 2:
        features = jnp.concatenate([features, features[-1:]])
    return features.reshape(-1, 2, features.shape[-1]).mean(1)


def padded(audio: Float[np.ndarray, "*b s"]) -> Float[np.ndarray, "*b longer"]:
    """Audio with mirrored ends, so that encoders of stride 320 and field 400 give s / 320 rows.

    80 samples more than whole strides, in two reflections of half the need on each side (as
    DiffPoseTalk and JoyVASA do it); audio that has them already is returned as it is.
    """
    length = audio.shape[-1]
    side = -((length - length // 320 * 320 - 80) // 2)  # ceil
    if side < 0:
        return audio
    none = [(0, 0)] * (audio.ndim - 1)
    for _ in range(2):
        audio = np.pad(audio, [*none, (side // 2, side // 2)], "reflect")
    return np.pad(audio, [*none, (side % 2, side % 2)], "edge")
