"""The frames of a source or driving video, each with its own time.

A video keeps its frame rate. Where its times are those of a constant rate, rounded, the rate is
taken; where they are not, every frame keeps its time. A frame that is shown for long enough that
lips would seem to stop is repeated: a video of 15 frames a second becomes one of 30.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain

from playmate_jax.inference.ahead import ahead
from playmate_jax.media import VideoFrame, VideoReader
from playmate_jax.motion.layout import FPS

DECODED = 3  # frames, which may be large, wait to be used


class VideoPrefix(VideoReader):
    """The first seconds of a video: its rest is never decoded.

    Args:
      until_s: frames from then on are left out; None takes all.
      lively: frames that last longer than one and a half of the motion's are shown again.

    Attributes:
      goes_on: whether frames were left out, once all others were read.
    """

    def __init__(self, path, until_s: Fraction | None = None, lively: bool = False):
        super().__init__(path)
        self._until_s, self._lively = until_s, lively
        self.goes_on = False

    def frames(self) -> Iterator[VideoFrame]:
        """Every frame with its own time; a thread decodes ahead."""
        with ahead(self._cut(), DECODED) as frames:
            yield from frames

    def _cut(self) -> Iterator[VideoFrame]:
        frames = self._checked(super().frames())
        for frame in self._repeated(frames) if self._lively else frames:
            if self._until_s is not None and frame.time_s >= self._until_s:
                self.goes_on = True
                return
            yield frame

    def _checked(self, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        shown_s = Fraction(0)
        for frame in frames:
            self._check_pause(shown_s, frame.time_s)
            shown_s = frame.time_s
            yield frame

    def _repeated(self, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        held: VideoFrame | None = None
        for frame in chain(frames, [None]):
            if held is not None:
                end = frame.time_s if frame is not None else held.time_s + 1 / self.fps
                times = max(1, round((end - held.time_s) * FPS))
                for i in range(times):
                    at = held.time_s + (end - held.time_s) * i / times
                    yield VideoFrame(held.image, at)
            held = frame


def steady_rate(times_s: Sequence[Fraction], fps: Fraction) -> Fraction | None:
    """The constant rate that the times of frames are rounded from; None where there is none.

    Args:
      fps: the frame rate in the video's file; repeated frames make it a multiple.
    """
    rate = fps * max(1, round(FPS / fps))
    steady = all(abs(time * rate - i) < Fraction(1, 4) for i, time in enumerate(times_s))
    return rate if steady else None
