"""Videos in: a stream of upright uint8 RGB frames with exact times; memory does not grow.

Times are exact fractions of a second counted from the first frame. The frame rate is a fraction
too: 29.97 is 30000/1001. A clip of variable rate keeps its own times in `frames()`, and is re-timed
to a constant rate in `frames_at()`, by the nearest frame in time.
"""

import os
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from playmate_jax.media.animated import AnimatedImage
from playmate_jax.media.container import check_readable
from playmate_jax.media.decoding import cut_short
from playmate_jax.media.frames import DecodedFrame
from playmate_jax.media.kinds import is_animated
from playmate_jax.media.video_stream import VideoStream

LONGEST_FRAME_S = 60
_RESTART_S = 1  # times that fall back by more belong to another recording, put behind the first


class VideoFrame(NamedTuple):
    """One frame and the time at which it appears, in seconds after the first one."""

    image: UInt8[np.ndarray, "h w 3"]
    time_s: Fraction


class VideoReader:
    """A video file or animated image, ready to be read any number of times.

    Attributes: `fps` (exact), `size` (width, height as shown), `rotation_deg` (that was applied),
    `has_audio`, `duration_s` and `frame_count` (as the file declares, or FFmpeg guesses where
    `duration_is_declared` is False: for progress, not arithmetic), `remarks` (what the user should
    know of the file, a sentence each, as far as it was read).

    Raises:
      UserError: no video, or damaged at its beginning; while reading: damaged or cut short.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = check_readable(path, "a video")
        animated = is_animated(self.path)
        self._source = AnimatedImage(self.path) if animated else VideoStream(self.path)
        self.fps, self.size = self._source.fps, self._source.size
        self.rotation_deg, self.has_audio = self._source.rotation_deg, self._source.has_audio
        self.frame_count = self._source.frame_count
        self.duration_s = float(self._source.duration_s)
        self.duration_is_declared = self._source.duration_is_declared

    @property
    def remarks(self) -> list[str]:
        """What was left out or is missing, as far as the file was read."""
        return list(self._source.remarks)

    def __iter__(self) -> Iterator[VideoFrame]:
        return self.frames()

    def frames(self) -> Iterator[VideoFrame]:
        """Every frame with its own time."""
        for frame, start, _ in self._timed():
            yield VideoFrame(frame.image(), start)

    def frames_at(self, fps: Fraction | int | None = None) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """Frames at a constant rate (default: the clip's own): frame t shows the source frame that
        is nearest to t / fps. Their number is the duration times `fps`, rounded."""
        return (still.image() for still in self.stills_at(fps))

    def stills_at(self, fps: Fraction | int | None = None, start: int = 0) -> Iterator["Still"]:
        """`frames_at` from frame `start` on, to be converted to RGB only where they are looked at.

        Raises `UserError` where a frame would last longer than a minute: no video does that.
        """
        fps = Fraction(fps or self.fps)
        t, held, end = start, None, Fraction(0)
        for frame, begin, stop in self._timed(start / fps):
            if held is not None:
                self._check_pause(held.start_s, begin)
                middle = (held.start_s + begin) / 2
                while t / fps < middle:
                    yield held
                    t += 1
            held, end = Still(frame, begin), stop
        if held is not None:
            self._check_pause(held.start_s, end)
        while held is not None and t < max(1, round(end * fps)):
            yield held
            t += 1

    def _check_pause(self, start_s: Fraction, stop_s: Fraction) -> None:
        if stop_s - start_s > LONGEST_FRAME_S:
            where = f"nothing between {float(start_s):.1f} s and {float(stop_s):.1f} s"
            raise cut_short(self.path, "video", where)

    def _timed(
        self, after: Fraction = Fraction(0)
    ) -> Iterator[tuple[DecodedFrame, Fraction, Fraction]]:
        """(frame, start, end) in seconds after the first frame, strictly increasing; may leave out
        frames that end before `after`."""
        last, lasts, shift = Fraction(-1), Fraction(0), Fraction(0)
        whole = self._source.whole_s or Fraction(0)
        for frame in self._source.decoded(after):
            next_s = Fraction(0) if last < 0 else last + 1 / self.fps  # where no time is given
            start = next_s if frame.time_s is None else frame.time_s + shift
            if start < last - _RESTART_S and not whole:
                start, shift = next_s, shift + next_s - start
            if start <= last:
                continue
            last, lasts = start, frame.lasts_s or 1 / self.fps
            yield frame, start, start + lasts
        if last + lasts < whole * Fraction(9, 10) - Fraction(1, 5):
            reason = f"{float(last):.1f} s of {float(whole):.1f} s are there"
            raise cut_short(self.path, "video", reason)


class Still:
    """A decoded frame that is converted to RGB once, and only if it is looked at."""

    def __init__(self, frame: DecodedFrame, start_s: Fraction):
        self.start_s = start_s
        self._frame = frame
        self._image: np.ndarray | None = None

    def image(self) -> UInt8[np.ndarray, "h w 3"]:
        """The frame as upright RGB, uint8."""
        if self._image is None:
            self._image = self._frame.image()
        return self._image


def open_video(path: str | os.PathLike) -> VideoReader:
    """Opens a video; raises `UserError` when the file is none, or damaged at its beginning."""
    return VideoReader(path)
