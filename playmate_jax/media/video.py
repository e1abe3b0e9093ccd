"""Videos in: a stream of upright uint8 RGB frames with exact times; memory does not grow.

Times are exact fractions of a second counted from the first frame. The frame rate is a fraction
too: 29.97 is 30000/1001. A clip of variable rate keeps its own times in `frames()`, and is re-timed
to a constant rate in `frames_at()`, by the nearest frame in time.
"""

import os
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from jaxtyping import UInt8

from playmate_jax.errors import UserError
from playmate_jax.media.container import (
    check_readable,
    exact,
    moving_picture,
    open_container,
    seconds,
)

_RATES = [Fraction(n, 1001) for n in (12000, 15000, 24000, 30000, 48000, 60000, 120000)]
_RATES += [Fraction(n) for n in (8, 10, 12, 15, 16, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120)]

_UNSPECIFIED = 2  # of H.273's colour matrices
_HD_LINES = 720  # untagged video is BT.709 from here on, BT.601 below: what players assume


class VideoFrame(NamedTuple):
    """One frame and the time at which it appears, in seconds after the first one."""

    image: UInt8[np.ndarray, "h w 3"]
    time_s: Fraction


class VideoReader:
    """A video file, ready to be read any number of times.

    Attributes: `fps` (exact), `size` (width, height as shown), `rotation_deg` (that was applied),
    `has_audio`, `duration_s` and `frame_count` (as the file tells: for progress, not arithmetic).
    """

    def __init__(self, path: str | os.PathLike):
        self.path = check_readable(path, "a video")
        with self._open() as container:
            stream = self._stream(container)
            self.fps = frame_rate(stream)
            self._aspect = exact(stream.sample_aspect_ratio) or Fraction(1)
            self.has_audio = bool(container.streams.audio)
            told = seconds(stream.duration, stream.time_base)
            told = told or seconds(container.duration, Fraction(1, av.time_base))
            first = next(self._decode(container, stream), None)
            if first is None:
                raise self._damaged("it holds no frame")
            picture, _ = first
            self.rotation_deg = picture.rotation % 360
            self.size = _upright(picture, self._aspect).shape[1::-1]
            self.frame_count = stream.frames or max(1, round((told or 0) * self.fps))
        self.duration_s = float(told or self.frame_count / self.fps)

    def __iter__(self) -> Iterator[VideoFrame]:
        return self.frames()

    def frames(self) -> Iterator[VideoFrame]:
        """Every frame with its own time."""
        for picture, start, _ in self._timed():
            yield VideoFrame(_upright(picture, self._aspect), start)

    def frames_at(self, fps: Fraction | int | None = None) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """Frames at a constant rate (default: the clip's own): frame t shows the source frame that
        is nearest to t / fps. Their number is the duration times `fps`, rounded."""
        fps = Fraction(fps or self.fps)
        t, held, end = 0, None, Fraction(0)
        for picture, start, stop in self._timed():
            if held is not None:
                middle = (held.start + start) / 2
                while t / fps < middle:
                    yield held.image()
                    t += 1
            held, end = _Held(picture, start, self._aspect), stop
        while held is not None and t < max(1, round(end * fps)):
            yield held.image()
            t += 1

    def _timed(self) -> Iterator[tuple[av.VideoFrame, Fraction, Fraction]]:
        """(decoded frame, start, end) in seconds after the first frame, strictly increasing."""
        origin, last, lasts = None, Fraction(-1), Fraction(0)
        with self._open() as container:
            stream = self._stream(container)
            whole = seconds(stream.duration, stream.time_base) or Fraction(0)
            for picture, told in self._decode(container, stream):
                after = Fraction(0) if last < 0 else last + 1 / self.fps  # where no time is told
                if origin is None:
                    origin = told or Fraction(0)
                start = after if told is None else told - origin
                if start <= last:
                    continue
                last = start
                lasts = seconds(picture.duration or None, picture.time_base) or 1 / self.fps
                yield picture, start, start + lasts
            if last + lasts < whole * Fraction(9, 10) - Fraction(1, 5):
                raise self._damaged(f"{float(last):.1f} s of {float(whole):.1f} s are there")

    def _open(self):
        return open_container(self.path, "a video")

    def _stream(self, container) -> av.VideoStream:
        stream = moving_picture(container)
        if stream is None:
            raise UserError(f"expected a video, found no moving picture in '{self.path}': give one")
        stream.thread_type = "AUTO"
        return stream

    def _decode(self, container, stream) -> Iterator[tuple[av.VideoFrame, Fraction | None]]:
        try:
            for picture in container.decode(stream):
                yield picture, seconds(picture.pts, picture.time_base)
        except (av.FFmpegError, OSError, EOFError) as error:
            raise self._damaged(getattr(error, "strerror", None) or str(error)) from None

    def _damaged(self, reason: str) -> UserError:
        return UserError(
            f"expected a whole video, but '{self.path}' is damaged or cut short ({reason}): "
            "give an intact copy"
        )


class _Held:
    """A decoded frame that is converted to RGB once, and only if it is shown."""

    def __init__(self, picture: av.VideoFrame, start: Fraction, aspect: Fraction):
        self.start = start
        self._picture, self._aspect = picture, aspect
        self._image: np.ndarray | None = None

    def image(self) -> np.ndarray:
        if self._image is None:
            self._image = _upright(self._picture, self._aspect)
        return self._image


def open_video(path: str | os.PathLike) -> VideoReader:
    """Opens a video; raises `UserError` when the file is none, or damaged at its beginning."""
    return VideoReader(path)


def frame_rate(stream: av.VideoStream) -> Fraction:
    """The stream's mean frame rate, exact: files that store a rounded 29.97 mean 30000/1001."""
    rate = exact(stream.average_rate) or exact(stream.guessed_rate) or Fraction(25)
    near = min(_RATES, key=lambda known: abs(rate / known - 1))
    # 24 and 24000/1001 lie 1e-3 apart; a rate rounded to two digits is within 2e-4 of the true one
    return near if abs(rate / near - 1) < Fraction(2, 10_000) else Fraction(rate)


def _upright(picture: av.VideoFrame, aspect: Fraction) -> UInt8[np.ndarray, "h w 3"]:
    """RGB by the file's colour matrix, with square pixels and the recorder's rotation applied."""
    matrix = picture.colorspace
    if matrix == _UNSPECIFIED:
        matrix = Colorspace.ITU709 if picture.height >= _HD_LINES else Colorspace.ITU601
    rgb = picture.reformat(
        width=max(1, round(picture.width * aspect)),
        format="rgb24",
        src_colorspace=matrix,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.BICUBIC,
        threads=1,
    ).to_ndarray()
    turns = round(picture.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb
