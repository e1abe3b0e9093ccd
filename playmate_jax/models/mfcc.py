"""Mel cepstra as python_speech_features 0.6 computes them by default: the input of SyncNet.

int16 samples at 16 kHz (s,) -> (n, 13), a row every 10 ms. The scale of the samples matters: the
first number of a row is the log of its energy. Pre-emphasis 0.97, windows of 25 ms without a taper,
power of a 512-point transform, 26 triangles from 0 to 8000 Hz whose corners lie on whole bins, log,
orthonormal DCT-II, a lifter of 22. Filters and DCT are equal to librosa's (tests), which is not
imported: its first call takes seconds.
"""

import functools

import numpy as np
from jaxtyping import Float, Int
from scipy.fft import dct

from playmate_jax.motion.layout import AUDIO_HZ

WINDOW, STEP = 400, 160  # samples
CEPSTRA, FILTERS, FFT = 13, 26, 512
PRE_EMPHASIS, LIFTER = 0.97, 22
LIFTS = 1 + LIFTER / 2 * np.sin(np.pi * np.arange(CEPSTRA) / LIFTER)  # weights of the cepstra
_BLOCK = 4096  # windows transformed at a time


@functools.cache
def _mel_filters() -> Float[np.ndarray, "bins filters"]:
    """Triangles with corners rounded down to bins, peak 1."""
    mels = np.linspace(0, 2595 * np.log10(1 + AUDIO_HZ / 2 / 700), FILTERS + 2)
    corners = np.floor((FFT + 1) * 700 * (10 ** (mels / 2595) - 1) / AUDIO_HZ)
    left, middle, right = corners[:-2], corners[1:-1], corners[2:]
    bins = np.arange(FFT // 2 + 1)[:, None]
    rising, falling = (bins - left) / (middle - left), (right - bins) / (right - middle)
    return np.maximum(0, np.minimum(rising, falling))


def n_windows(samples: int) -> int:
    """Rows that cover `samples` of audio; the last is filled up with zeros."""
    return 1 + max(0, -(-(samples - WINDOW) // STEP))


def mfcc(audio: Int[np.ndarray, "s"]) -> Float[np.ndarray, "n 13"]:
    """Cepstra of int16 samples; the first of a row is the log of the window's energy.

    Raises:
      ValueError: the audio is not int16: other scales give other numbers.
    """
    if audio.dtype != np.int16:
        raise ValueError(f"expected samples as int16, found {audio.dtype}")
    if not len(audio):
        return np.zeros((0, CEPSTRA))
    signal = audio.astype(np.float64)
    signal[1:] -= PRE_EMPHASIS * signal[:-1]
    n = n_windows(len(signal))
    signal = np.pad(signal, (0, (n - 1) * STEP + WINDOW - len(signal)))
    windows = np.lib.stride_tricks.sliding_window_view(signal, WINDOW)[::STEP]
    return np.concatenate([_cepstra(windows[i : i + _BLOCK]) for i in range(0, n, _BLOCK)])


def _cepstra(windows: Float[np.ndarray, "n w"]) -> Float[np.ndarray, "n 13"]:
    power = np.abs(np.fft.rfft(windows, FFT)) ** 2 / FFT
    cepstra = dct(_log(power @ _mel_filters()), type=2, norm="ortho")[:, :CEPSTRA]
    cepstra *= LIFTS
    cepstra[:, 0] = _log(power.sum(1))
    return cepstra


def _log(x: np.ndarray) -> np.ndarray:
    return np.log(np.where(x == 0, np.finfo(float).eps, x))
