"""Log-mel speech features at 25 frames a second: the weight-free speech front end.

Audio float32 mono 16 kHz (s,) -> (t, bands * subframes). Video frame t covers samples [640 t, 640
(t + 1)); its features are `subframes` windows of 25 ms in a row, 10 ms apart, each `bands` mel
bands of 60-7600 Hz: natural log of power, relative to the utterance's loud level (95th percentile),
clamped 70 dB below it, minus each band's mean over the utterance. The model's stored global mean
and std come after. Relative level and band means take out microphone and distance; the sub-frames
keep closures of 50 ms visible.

Odd recordings are defined: one whose loud level is under -75 dB of full scale counts as silent and
reads as a pause in speech (35 dB under the mean in every band), not as an average sound; a band's
mean is at least 50 dB below the loud level, however long the pauses are; not-a-number samples are
silence.
"""

import dataclasses
import functools

import numpy as np
from jaxtyping import Float
from scipy.fft import rfft  # float32 stays float32, and three times NumPy's speed

from playmate_jax.motion.layout import AUDIO_HZ, SAMPLES_PER_FRAME

_FFT = 512
_BLOCK = 4096  # windows transformed at a time
DB = np.log(10) / 10  # natural-log power per decibel


@dataclasses.dataclass(frozen=True)
class LogMelConfig:
    """`bands` x `subframes` numbers a video frame."""

    bands: int = 24
    subframes: int = 4
    low_hz: float = 60.0
    high_hz: float = 7600.0
    window: int = 400
    range_db: float = 70.0
    mean_range_db: float = 50.0
    quietest_db: float = -75.0
    pause_db: float = 35.0

    @property
    def size(self) -> int:
        """The speech feature dimension, per video frame."""
        return self.bands * self.subframes

    @property
    def hop(self) -> int:
        """Samples from one sub-frame to the next."""
        return SAMPLES_PER_FRAME // self.subframes

    @property
    def before(self) -> int:
        """Samples of a window before its sub-frame, on which it is centred."""
        return self.window // 2 - self.hop // 2


@functools.lru_cache(8)
def _mel_filters(bands: int, low_hz: float, high_hz: float) -> np.ndarray:
    """Triangular filters (fft bins, bands), equally spaced in mels, peak 1.

    They are those of `librosa.filters.mel(htk=True, norm=None)`, whose import takes seconds.
    """
    low, high = (2595 * np.log10(1 + f / 700) for f in (low_hz, high_hz))
    edges = 700 * (10 ** (np.linspace(low, high, bands + 2) / 2595) - 1)
    hz = np.arange(_FFT // 2 + 1) * AUDIO_HZ / _FFT
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (hz - left) / (middle - left), (right - hz) / (right - middle)
    return np.maximum(0, np.minimum(rising, falling)).T.astype(np.float32)


def n_frames(samples: int) -> int:
    """Video frames that cover `samples` of audio: a started frame counts."""
    return -(-samples // SAMPLES_PER_FRAME)


def log_mel(
    audio: Float[np.ndarray, "s"], config: LogMelConfig | None = None
) -> Float[np.ndarray, "t d"]:
    """Features (t, bands * subframes) of an utterance; t = ceil(s / 640), 0 for empty audio."""
    config = config or LogMelConfig()
    n = n_frames(len(audio)) * config.subframes
    if n == 0:
        return np.zeros((0, config.size), np.float32)
    after = n * config.hop + config.window - config.before - len(audio)
    padded = np.pad(np.asarray(audio, np.float32), (config.before, max(after, 0)))
    total, bands = log_powers(padded, n, config)
    loud = np.percentile(total, 95)
    if loud < config.quietest_db * DB:
        return np.full((n // config.subframes, config.size), -config.pause_db * DB, np.float32)
    level = np.maximum(bands - loud, -config.range_db * DB)
    mean = np.maximum(level.mean(0), -config.mean_range_db * DB)
    return (level - mean).reshape(-1, config.size).astype(np.float32)


def log_powers(
    padded: Float[np.ndarray, "s"], n: int, config: LogMelConfig
) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n bands"]]:
    """Natural logs of power, relative to full scale: of `n` windows as a whole, and in each band.

    Args:
      padded: the audio, from `config.before` samples before the first sub-frame on.
    """
    padded = np.nan_to_num(padded, nan=0.0, posinf=0.0, neginf=0.0)
    windows = np.lib.stride_tricks.sliding_window_view(padded, config.window)[:: config.hop][:n]
    taper = np.hanning(config.window).astype(np.float32)
    filters = _mel_filters(config.bands, config.low_hz, config.high_hz)
    # In blocks: the spectra of five minutes would take 300 MB.
    blocks = range(0, n, _BLOCK)
    mel = np.concatenate([_power(windows[i : i + _BLOCK] * taper) @ filters for i in blocks])
    full_scale = float((taper**2).sum()) * _FFT / 2  # total power of white noise of RMS 1
    return np.log(mel.sum(1) / full_scale + 1e-20), np.log(mel / full_scale + 1e-20)


def _power(windows: Float[np.ndarray, "n w"]) -> Float[np.ndarray, "n bins"]:
    return np.abs(rfft(windows, _FFT)) ** 2
