"""Speech features while the speech is still being spoken: a hop and its look-ahead at a time.

Every front end normalises by the whole recording, of which a stream has heard only a part. The
log-mel features (`RunningLogMel`) need two things of it, the loud level and the mean of each band:
both are taken from a recording of the voice, where one is given, and are then exactly those of
`models.log_mel` on that recording; or else from the last half minute of what was heard, beginning
with another speaker's, which counts less with every second. Other encoders (`SlidingSpeech`) see
the last seconds as if they were the whole recording.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from playmate_jax.models.log_mel import DB, LogMelConfig, log_powers, n_frames
from playmate_jax.models.speech import SpeechEncoder
from playmate_jax.models.speech_encoders import LogMel
from playmate_jax.motion.layout import SAMPLES_PER_FRAME

START_S = 3.0  # of heard speech, after which the one it began with no longer counts
_SUBFRAMES_HEARD = 3000  # 30 s
_CONTEXT = 100  # frames that other encoders hear beside the hop: 4 s


@runtime_checkable
class HopEncoder(Protocol):
    """Speech features for one hop after another."""

    @property
    def context(self) -> int:
        """How many frames of sound before the hop it has to hear."""

    def __call__(self, audio: Float[np.ndarray, "s"]) -> Float[np.ndarray, "t f"]:
        """Features of hop and look-ahead, t = s / 640 - context frames."""


def hop_encoder(
    encoder: SpeechEncoder,
    hop: int,
    start: Float[np.ndarray, "s"],
    voice: Float[np.ndarray, "v"] | None,
) -> HopEncoder:
    """The encoder for streams that fits one for recordings.

    Args:
      hop: frames of each call that are final, the others are look-ahead.
      start: speech whose level and spectrum are assumed at first.
      voice: a recording of the voice that will speak; its own are assumed for good.
    """
    if isinstance(encoder, LogMel):
        return RunningLogMel(encoder.config, hop, start if voice is None else voice, voice is None)
    return SlidingSpeech(encoder)


class RunningLogMel:
    """`log_mel` with the loud level and the band means of what was heard so far.

    Args:
      start: the recording that these are taken from at first.
      adapts: whether they follow what is heard.
    """

    context = 1

    def __init__(self, config: LogMelConfig, hop: int, start: Float[np.ndarray, "s"], adapts: bool):
        self.config, self._final, self._adapts = config, hop * config.subframes, adapts
        n = n_frames(len(start)) * config.subframes
        after = n * config.hop + config.window - config.before - len(start)
        padded = np.pad(np.asarray(start, np.float32), (config.before, max(after, 0)))
        self._start = log_powers(padded, n, config)
        self._heard = tuple(part[:0] for part in self._start)

    def __call__(self, audio: Float[np.ndarray, "s"]) -> Float[np.ndarray, "t f"]:
        c = self.config
        n = (len(audio) // SAMPLES_PER_FRAME - self.context) * c.subframes
        begin = self.context * SAMPLES_PER_FRAME - c.before
        rows = log_powers(np.pad(audio[begin:], (0, c.window)), n, c)
        reference = self._reference(rows)
        loud = max(np.percentile(reference[0], 95), c.quietest_db * DB)
        level = np.maximum(np.concatenate([rows[1], reference[1]]) - loud, -c.range_db * DB)
        mean = np.maximum(level[n:].mean(0), -c.mean_range_db * DB)
        self._remember(rows)
        return (level[:n] - mean).reshape(-1, c.size).astype(np.float32)

    def _reference(self, rows: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        """Log powers from which the loud level and the means are taken."""
        if not self._adapts:
            return self._start
        heard = [np.concatenate(parts) for parts in zip(self._heard, self._audible(rows))]
        per_s = self.config.subframes * 25
        count = round(per_s * max(0.0, 1 - len(heard[0]) / (START_S * per_s)))
        kept = np.linspace(0, len(self._start[0]) - 1, count).round().astype(int)
        return tuple(np.concatenate([a[kept], b]) for a, b in zip(self._start, heard))

    def _audible(self, rows: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        audible = rows[0] > self.config.quietest_db * DB
        return tuple(part[audible] for part in rows)

    def _remember(self, rows: tuple[np.ndarray, ...]) -> None:
        final = self._audible(tuple(part[: self._final] for part in rows))
        self._heard = tuple(
            np.concatenate(parts)[-_SUBFRAMES_HEARD:] for parts in zip(self._heard, final)
        )


class SlidingSpeech:
    """Any encoder, on the last seconds as if they were the whole recording; one shape throughout.

    Args:
      encoder: of whole recordings.
    """

    context = _CONTEXT

    def __init__(self, encoder: SpeechEncoder):
        self._encoder = encoder

    def __call__(self, audio: Float[np.ndarray, "s"]) -> Float[np.ndarray, "t f"]:
        return np.asarray(self._encoder(audio))[self.context :]
