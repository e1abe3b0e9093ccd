"""A portrait that speaks while the speech arrives: frames of 40 ms, each with its 640 samples.

    stream = animator.stream("portrait.jpg", chunks)     # chunks: float32, mono, 16 kHz, any length
    for frame in stream:                                 # frame.image, frame.samples
        ...                                              # stream.interrupt(), stream.change(...)

In `chunks` None ends an utterance, and an empty array asks for idle frames until more arrives.
Instead of iterating, `push`, `make` and `take` may be called from several threads
(`inference/live.py` does so, at the pace of a clock).

What has been made and not been taken when `interrupt` is called is dropped, and the motion goes on
from the last frame that was taken. Every frame has the number of its generation, which
`interrupt` raises: a buffer of frames drops those with a lower one.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, UInt8

from playmate_jax.errors import UserError
from playmate_jax.inference.emotion import EmotionTrack, parse_emotion
from playmate_jax.inference.gaze import GazeRamp
from playmate_jax.inference.motion_generator import MotionStream
from playmate_jax.inference.motion_stream import no_emotion
from playmate_jax.inference.scene import Scene
from playmate_jax.inference.speech_queue import Hop, SpeechQueue
from playmate_jax.motion.layout import FPS, SAMPLES_PER_FRAME

KEEP = object()  # of `change`: leave it as it is


class StreamFrame(NamedTuple):
    """One frame and the sound that is played while it is shown.

    Attributes:
      image: uint8 RGB.
      samples: 640, mono, 16 kHz.
      number: from 0; those of frames that were dropped are given again.
      generation: how many interruptions came before it.
      speaking: whether it belongs to an utterance.
      motion: (70,), see motion/layout.py.
    """

    image: UInt8[np.ndarray, "h w 3"]
    samples: Float32[np.ndarray, "640"]
    number: int
    generation: int
    speaking: bool
    motion: Float[np.ndarray, "70"]


class PortraitStream:
    """See the module.

    Args:
      scene: the portrait; its frames are drawn a hop at a time.
      motion: of the portrait, by hops.
      chunks: what iterating speaks.

    Attributes:
      seconds: what the latest hops took, by stage: "features", "generate", "draw".
      generation: how often `interrupt` was called.
    """

    def __init__(
        self,
        scene: Scene,
        motion: MotionStream,
        chunks: Iterable[np.ndarray | None] = (),
        emotion: EmotionTrack | None = None,
        head_motion: float = 1.0,
        gaze: GazeRamp | None = None,
    ):
        self.size, self.notices = scene.size, list(scene.notices)
        self.hop, self.lookahead = motion.hop, motion.lookahead
        self.generation = 0
        self.seconds = motion.seconds | {"draw": deque(maxlen=4096)}
        self._draw, self._motion, self._chunks = scene.draw, motion, chunks
        self._queue = SpeechQueue(motion.hop, motion.lookahead, motion.context)
        self._ready: deque[StreamFrame] = deque()
        self._stale = 0  # frames that the motion has to take back
        self._index = 0
        self._emotion, self._emotion_from, self._head_motion = emotion, 0, head_motion
        self._gaze = GazeRamp("") if gaze is None else gaze
        self._lock, self._making = threading.Lock(), threading.Lock()

    def push(self, samples: np.ndarray) -> None:
        """Appends mono float32 at 16 kHz; raises `UserError` for other data, or too much."""
        with self._lock:
            self._queue.push(samples)

    def end_utterance(self) -> None:
        """What was pushed is complete; idle frames follow it."""
        with self._lock:
            self._queue.end()

    def interrupt(self) -> int:
        """Drops all speech and all frames that were not taken; returns the new generation."""
        with self._lock:
            self.generation += 1
            self._queue.clear()
            self._stale += len(self._ready)
            self._index -= len(self._ready)
            self._ready.clear()
            return self.generation

    def change(self, *, emotion=KEEP, head_motion=KEEP, gaze=KEEP) -> None:
        """Changes what the next hops go towards.

        Args:
          emotion: text or a track, whose times begin now; None: as the speech has it.
          head_motion: gain of the head's motion.
          gaze: (sideways, down) from -1 to 1, beside what the speech makes of it; (0, 0): nothing.

        Raises:
          UserError: no such emotion or gaze, or weights without a gaze.
        """
        if isinstance(emotion, str):
            emotion = parse_emotion(emotion)
        if head_motion is not KEEP:
            check_gain(head_motion)
        with self._lock:
            if emotion is not KEEP:
                self._emotion, self._emotion_from = emotion, self._index
            if head_motion is not KEEP:
                self._head_motion = float(head_motion)
            if gaze is not KEEP:
                self._gaze.send(gaze)

    @property
    def ready(self) -> int:
        """How many frames were made and wait to be taken."""
        return len(self._ready)

    @property
    def waiting_s(self) -> float:
        """Seconds of speech from which no frames were made yet."""
        return self._queue.waiting_s

    def take(self) -> StreamFrame | None:
        """The next frame that was made; None where none is."""
        with self._lock:
            return self._ready.popleft() if self._ready else None

    def make(self, idle: bool = False) -> bool:
        """Makes the next hop of frames: of speech, where enough of it waits, or, if `idle`, of the
        portrait at rest.

        Returns:
          Whether there was one to make. It is dropped where `interrupt` came meanwhile.
        """
        with self._making:
            with self._lock:
                self._motion.rewind(self._stale)
                self._gaze.rewind(self._stale)
                self._stale = 0
                hop = self._queue.take(idle)
                if hop is None:
                    return False
                generation, index = self.generation, self._index
                emotion, head_motion = self._condition(index), self._head_motion
            motion = self._motion.next(hop.heard, hop.speaking, emotion, head_motion)
            motion = self._gaze.added(motion)
            began = time.perf_counter()
            images = [np.array(image) for image in self._draw(motion)]
            self.seconds["draw"].append(time.perf_counter() - began)
            with self._lock:
                if generation != self.generation:
                    self._stale += len(images)
                else:
                    self._ready.extend(_frames(images, hop, motion, index, generation))
                    self._index += len(images)
            return True

    def __iter__(self) -> Iterator[StreamFrame]:
        """Speaks `chunks`; ends with them, at the last frame that has speech in it."""
        for chunk in self._chunks:
            if chunk is None:
                self.end_utterance()
            else:
                self.push(chunk)
            idle = chunk is not None and not len(chunk)
            while self.make(idle):
                yield from self._taken()
                idle = False  # one hop of idle frames is enough
        self.end_utterance()
        while self.make():
            yield from self._taken(to_the_end=not self.waiting_s)

    def _taken(self, to_the_end: bool = False) -> Iterator[StreamFrame]:
        while (frame := self.take()) is not None:
            if to_the_end and not frame.speaking:
                continue
            yield frame

    def _condition(self, index: int) -> Float[np.ndarray, "8"]:
        if self._emotion is None:
            return no_emotion()
        seconds = np.array([(index - self._emotion_from + self.hop) / FPS])
        return self._emotion.at(seconds)[0]


def check_gain(head_motion: float) -> None:
    """Raises `UserError` for a gain of the head's motion that is none."""
    if not isinstance(head_motion, int | float) or not 0 <= head_motion <= 10:
        raise UserError(
            f"expected a gain of head motion from 0 to 10, found {head_motion!r}: correct it"
        )


def _frames(
    images: list[np.ndarray], hop: Hop, motion: np.ndarray, index: int, generation: int
) -> Iterator[StreamFrame]:
    samples = hop.played.reshape(-1, SAMPLES_PER_FRAME)
    for i, image in enumerate(images):
        speaking = bool(hop.speaking[i])
        yield StreamFrame(image, samples[i], index + i, generation, speaking, motion[i])
