"""Speech that waits to be spoken by a stream: utterances of samples, taken a hop at a time.

A hop of speech is given out when its look-ahead has arrived too, or its utterance has ended (then
silence follows it). So what is given out depends on the samples alone, not on the parts in which
they arrived.
"""

from collections import deque
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from playmate_jax.errors import UserError
from playmate_jax.motion.layout import AUDIO_HZ, SAMPLES_PER_FRAME

MOST_WAITING_S = 600  # 40 MB


class Hop(NamedTuple):
    """What one hop hears and plays.

    Attributes:
      heard: context, hop and look-ahead, 640 samples a frame.
      played: the hop's own samples.
      speaking: its frames that belong to an utterance.
    """

    heard: Float[np.ndarray, "s"]
    played: Float[np.ndarray, "p"]
    speaking: Bool[np.ndarray, " hop"]


class _Utterance:
    """Samples in a row, and whether more will come."""

    def __init__(self) -> None:
        self.samples, self.ended = np.zeros(0, np.float32), False
        self._parts: list[np.ndarray] = []

    def add(self, samples: np.ndarray) -> None:
        self._parts.append(samples)

    def joined(self) -> np.ndarray:
        """All samples that wait, in order, as one array (s,)."""
        if self._parts:
            self.samples = np.concatenate([self.samples, *self._parts])
            self._parts = []
        return self.samples


class SpeechQueue:
    """Utterances that wait.

    Args:
      hop, lookahead, context: frames of a hop, after it and before it that are heard with it.
    """

    def __init__(self, hop: int, lookahead: int, context: int):
        self._hop, self._after = hop * SAMPLES_PER_FRAME, lookahead * SAMPLES_PER_FRAME
        self._before = np.zeros(context * SAMPLES_PER_FRAME, np.float32)
        self._utterances: deque[_Utterance] = deque()
        self._waiting = 0

    def push(self, samples: np.ndarray) -> None:
        """Appends samples to the utterance that has not ended, or begins one.

        Raises:
          UserError: not mono float32 samples, or too many are waiting.
        """
        samples = np.asarray(samples)
        if samples.ndim != 1 or samples.dtype.kind != "f" or not np.isfinite(samples).all():
            raise UserError(
                f"expected mono speech as a row of finite floats at {AUDIO_HZ} Hz, found "
                f"{samples.dtype} of shape {samples.shape}: convert it"
            )
        if self._waiting + len(samples) > MOST_WAITING_S * AUDIO_HZ:
            raise UserError(
                f"expected at most {MOST_WAITING_S} s of speech to wait, found more: send it as "
                "it is spoken"
            )
        if not len(samples):
            return
        if not self._utterances or self._utterances[-1].ended:
            self._utterances.append(_Utterance())
        self._utterances[-1].add(np.array(samples, np.float32))
        self._waiting += len(samples)

    def end(self) -> None:
        """The utterance is complete: its last frames need not wait for more."""
        if self._utterances:
            self._utterances[-1].ended = True

    def clear(self) -> None:
        """Forgets all speech that waits."""
        self._utterances.clear()
        self._waiting = 0

    @property
    def waiting_s(self) -> float:
        """Seconds of speech that wait."""
        return self._waiting / AUDIO_HZ

    def take(self, idle: bool) -> Hop | None:
        """The next hop of speech; where there is none yet, one of silence if `idle`, else None."""
        ready = bool(self._utterances) and (
            self._utterances[0].ended
            or len(self._utterances[0].joined()) >= self._hop + self._after
        )
        if not (ready or idle):
            return None
        following = self._utterances[0].joined() if self._utterances else np.zeros(0, np.float32)
        count = min(len(following), self._hop) if ready else 0
        played = np.pad(following[:count], (0, self._hop - count))
        after = following[count : count + self._after]
        heard = np.concatenate([self._before, played, after])
        heard = np.pad(heard, (0, len(self._before) + self._hop + self._after - len(heard)))
        if ready:
            self._advance(count)
        if len(self._before):
            self._before = np.concatenate([self._before, played])[-len(self._before) :]
        frames = np.arange(self._hop // SAMPLES_PER_FRAME) * SAMPLES_PER_FRAME
        return Hop(heard, played, frames < count)

    def _advance(self, count: int) -> None:
        first = self._utterances[0]
        first.samples = first.samples[count:]
        self._waiting -= count
        if first.ended and not len(first.samples):
            self._utterances.popleft()
