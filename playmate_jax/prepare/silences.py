"""Pauses of speech: a stream of samples, its loudness, and the best place to cut.

A clip that is too long is cut at the quietest fifth of a second near its longest length. Energy is
enough for that: music or noise under the speech only makes the best place less quiet. A threshold
is not: in 47 windows of 3 s of eight recordings, `librosa.effects.split` at 30 dB found no pause 34
times, and a louder one the other 13 times. Levels are those of `librosa.feature.rms` (tests), which
is not imported in workers: its first call takes seconds.
"""

from collections import deque
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from playmate_jax.motion.layout import FPS, SAMPLES_PER_FRAME

FLOOR_DB = -100.0  # of digital silence
_PAUSE = 5  # frames: 0.2 s, a pause between words; closures within words are shorter
_PREFERENCE_DB = 1.0  # by which a place must be quieter for each second before the limit


class Samples:
    """Spans of a stream of samples, requested in rising order; earlier samples are forgotten.

    Args:
      blocks: the stream, mono float32 in [-1, 1], in blocks of any length.
    """

    def __init__(self, blocks: Iterator[Float[np.ndarray, "s"]]):
        self._blocks = blocks
        self._held: deque[np.ndarray] = deque()
        self._first = self._end = 0  # of what is held

    def span(self, start: int, stop: int) -> Float[np.ndarray, "s"]:
        """Samples [start, stop) of the stream; fewer if the sound ends earlier."""
        self._forget(start)
        while self._end < stop and (block := next(self._blocks, None)) is not None:
            self._held.append(block)
            self._end += len(block)
            self._forget(start)
        held = np.concatenate([np.zeros(0, np.float32), *self._held])
        return held[start - self._first : max(start, stop) - self._first]

    def _forget(self, start: int) -> None:
        while self._held and self._first + len(self._held[0]) <= start:
            self._first += len(self._held.popleft())


def loudness_db(audio: Float[np.ndarray, "s"]) -> Float[np.ndarray, "t"]:
    """Level of each whole frame (40 ms), in decibels of full scale, at least `FLOOR_DB`."""
    frames = audio[: len(audio) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME]
    power = np.square(frames.reshape(-1, SAMPLES_PER_FRAME), dtype=np.float64).mean(1)
    return 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))


def quietest(audio: Float[np.ndarray, "s"], least: int, most: int) -> int:
    """The frame at which to cut: the middle of the quietest pause, late ones preferred.

    Args:
      audio: samples from frame 0 on.
      least, most: bounds of the result, in frames.

    Returns:
      A frame from `least` to `most`; `most` if the sound is too short to choose.
    """
    level = loudness_db(audio)
    half = _PAUSE // 2
    if len(level) < least + half + 1:
        return most
    power = np.convolve(10 ** (level / 10), np.ones(_PAUSE) / _PAUSE, mode="same")
    places = np.arange(least, min(most, len(level) - 1) + 1)
    cost = 10 * np.log10(power[places]) + _PREFERENCE_DB * (most - places) / FPS
    return int(places[np.argmin(cost)])
