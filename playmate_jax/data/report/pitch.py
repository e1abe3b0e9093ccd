"""Pitch of the voices in a data set: few clips, of different speakers, for one histogram.

librosa is imported here, when a clip is measured: its first call takes seconds.
"""

import math

import numpy as np
from jaxtyping import Int

from playmate_jax.motion.layout import AUDIO_HZ, SAMPLES_PER_FRAME

CLIPS = 12  # that are measured: 0.3 s of one core each
HEARD_S = 4  # of a clip
LOW_HZ, HIGH_HZ = 60, 500
_WINDOW = 1024  # samples: 64 ms, almost four periods of the lowest pitch


def median_pitch_hz(audio: Int[np.ndarray, "s"]) -> float:
    """Median fundamental frequency of the voiced frames in the first `HEARD_S` seconds.

    pYIN (Mauch and Dixon 2014) decides which frames are voiced; YIN alone gives unvoiced ones a
    pitch too, which moved the median of recordings by up to 50 Hz. Steady noise may count as voiced
    with a pitch near `LOW_HZ`.

    Args:
      audio: int16 samples at 16 kHz.

    Returns:
      The pitch in Hz; NaN if no frame is voiced.
    """
    import librosa

    if len(audio) < 2 * _WINDOW:
        return math.nan
    sound = audio[: HEARD_S * AUDIO_HZ].astype(np.float32) / 32768
    pitch_hz, voiced, _ = librosa.pyin(
        sound, fmin=LOW_HZ, fmax=HIGH_HZ, sr=AUDIO_HZ, frame_length=_WINDOW,
        hop_length=SAMPLES_PER_FRAME,
    )  # fmt: skip
    return float(np.median(pitch_hz[voiced])) if voiced.any() else math.nan
