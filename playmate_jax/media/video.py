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
    moving_image,
    open_container,
    seconds,
    sound_track,
)

_RATES = [Fraction(n, 1001) for n in (12000, 15000, 24000, 30000, 48000, 60000, 120000)]
_RATES += [Fraction(n) for n in (8, 10, 12, 15, 16, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120)]

_UNSPECIFIED = 2  # of H.273's colour matrices
LARGEST_PIXELS = 8192 * 4608  # of a frame: 8K and a little
LONGEST_FRAME_S = 60
_SEEK_S = Fraction(10)  # nearer to the beginning nothing is gained by looking up a place
_INDEXED = {"mp4", "matroska", "webm"}
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
            aspect = exact(stream.sample_aspect_ratio) or Fraction(1)
            # 16:9 in DV's and DVD's pixels is 64:45 at most; what is far from it is a defect
            self._aspect = aspect if Fraction(1, 4) <= aspect <= 4 else Fraction(1)
            self.has_audio = sound_track(container) is not None
            told = seconds(stream.duration, stream.time_base)
            told = told or seconds(container.duration, Fraction(1, av.time_base))
            first = next(self._decode(container, stream), None)
            if first is None:
                raise self._damaged("it holds no frame")
            decoded, origin = first
            self._origin = origin or Fraction(0)
            self.rotation_deg = decoded.rotation % 360
            self.size = _upright(decoded, self._aspect).shape[1::-1]
            self.frame_count = stream.frames or max(1, round((told or 0) * self.fps))
        self.duration_s = float(told or self.frame_count / self.fps)

    def __iter__(self) -> Iterator[VideoFrame]:
        return self.frames()

    def frames(self) -> Iterator[VideoFrame]:
        """Every frame with its own time."""
        for decoded, start, _ in self._timed():
            yield VideoFrame(_upright(decoded, self._aspect), start)

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
        for decoded, begin, stop in self._timed(start / fps):
            if held is not None:
                self._check_pause(held.start_s, begin)
                middle = (held.start_s + begin) / 2
                while t / fps < middle:
                    yield held
                    t += 1
            held, end = Still(decoded, begin, self._aspect), stop
        if held is not None:
            self._check_pause(held.start_s, end)
        while held is not None and t < max(1, round(end * fps)):
            yield held
            t += 1

    def _check_pause(self, start_s: Fraction, stop_s: Fraction) -> None:
        if stop_s - start_s > LONGEST_FRAME_S:
            where = f"nothing between {float(start_s):.1f} s and {float(stop_s):.1f} s"
            raise self._damaged(where)

    def _timed(
        self, after: Fraction = Fraction(0)
    ) -> Iterator[tuple[av.VideoFrame, Fraction, Fraction]]:
        """(decoded frame, start, end) in seconds after the first frame, strictly increasing; may
        leave out frames that end before `after`."""
        origin, last, lasts = self._origin, Fraction(-1), Fraction(0)
        with self._open() as container:
            stream = self._stream(container)
            whole = seconds(stream.duration, stream.time_base) or Fraction(0)
            for decoded, told in self._from(container, stream, after):
                untold = Fraction(0) if last < 0 else last + 1 / self.fps  # where no time is told
                start = untold if told is None else told - origin
                if start <= last:
                    continue
                last = start
                lasts = seconds(decoded.duration or None, decoded.time_base) or 1 / self.fps
                yield decoded, start, start + lasts
            if last + lasts < whole * Fraction(9, 10) - Fraction(1, 5):
                raise self._damaged(f"{float(last):.1f} s of {float(whole):.1f} s are there")

    def _from(self, container, stream, after: Fraction):
        """Images and their times, from shortly before `after` where the file has an index."""
        names = set(container.format.name.split(","))
        base = exact(stream.time_base)
        if after < _SEEK_S or base is None or not names & _INDEXED:
            yield from self._decode(container, stream)
            return
        ticks = int((after - _SEEK_S / 2 + self._origin) / base)
        try:
            container.seek(ticks, stream=stream)
        except (av.FFmpegError, OSError):
            container.seek(0)
        images = self._decode(container, stream)
        first = next(images, None)
        if first is None or first[1] is None or first[1] - self._origin > after - 1:
            container.seek(0)  # a false index
            images = self._decode(container, stream)
        else:
            yield first
        yield from images

    def _open(self):
        return open_container(self.path, "a video")

    def _stream(self, container) -> av.VideoStream:
        stream = moving_image(container)
        if stream is None:
            raise UserError(f"expected a video, found no moving image in '{self.path}': give one")
        self._check_size(stream.width, stream.height)
        stream.thread_type = "AUTO"
        # a header may lie: the decoder refuses larger frames before it makes room for them
        stream.codec_context.options = {"max_pixels": str(LARGEST_PIXELS)}
        return stream

    def _check_size(self, width: int, height: int) -> None:
        if width * height > LARGEST_PIXELS:
            raise UserError(
                f"expected a video of at most {LARGEST_PIXELS // 10**6} million pixels, found "
                f"{width}x{height} in '{self.path}': reduce it"
            )

    def _decode(self, container, stream) -> Iterator[tuple[av.VideoFrame, Fraction | None]]:
        try:
            for decoded in container.decode(stream):
                yield decoded, seconds(decoded.pts, decoded.time_base)
        except (av.FFmpegError, OSError, EOFError) as error:
            raise self._damaged(getattr(error, "strerror", None) or str(error)) from None

    def _damaged(self, reason: str) -> UserError:
        return UserError(
            f"expected a whole video, but '{self.path}' is damaged or cut short ({reason}): "
            "give an intact copy"
        )


class Still:
    """A decoded frame that is converted to RGB once, and only if it is looked at."""

    def __init__(self, decoded: av.VideoFrame, start_s: Fraction, aspect: Fraction):
        self.start_s = start_s
        self._decoded, self._aspect = decoded, aspect
        self._image: np.ndarray | None = None

    def image(self) -> UInt8[np.ndarray, "h w 3"]:
        """Upright RGB."""
        if self._image is None:
            self._image = _upright(self._decoded, self._aspect)
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


def _upright(decoded: av.VideoFrame, aspect: Fraction) -> UInt8[np.ndarray, "h w 3"]:
    """RGB by the file's colour matrix, with square pixels and the recorder's rotation applied."""
    matrix = decoded.colorspace
    if matrix == _UNSPECIFIED:
        matrix = Colorspace.ITU709 if decoded.height >= _HD_LINES else Colorspace.ITU601
    rgb = decoded.reformat(
        width=max(1, round(decoded.width * aspect)),
        format="rgb24",
        src_colorspace=matrix,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.BICUBIC,
        threads=1,
    ).to_ndarray()
    turns = round(decoded.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb
