"""The moving image of a file that FFmpeg opens, as a source of frames.

Damaged packets are left out, interlaced frames are made progressive, and every frame becomes
upright RGB with square pixels when it is looked at.
"""

import os
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import av
import av.container
import numpy as np
from jaxtyping import UInt8

from playmate_jax.errors import UserError
from playmate_jax.media import colour, hdr
from playmate_jax.media.container import exact, open_container, seconds
from playmate_jax.media.decoding import Damage, DamagedPacket, cut_short, decode
from playmate_jax.media.deinterlacing import progressive
from playmate_jax.media.frames import DecodedFrame, near_rate
from playmate_jax.media.streams import (
    declared_s,
    decoder_of,
    is_guessed,
    missing_bytes,
    moving_image,
    sound_track,
)

LARGEST_PIXELS = 8192 * 4608  # of a frame: 8K and a little
_FASTEST = 1000  # frames a second
_SEEK_S = Fraction(10)  # nearer to the beginning nothing is gained by looking up a place
_INDEXED = {"mp4", "matroska", "webm"}
_LOOKS = 8  # at the light of an HDR video
_UNSEEN = {"vp8", "vp9", "av1"}  # have packets that are only referred to


class VideoStream:
    """A video file, opened anew for every reading.

    Attributes:
      fps: mean rate, exact.
      size: (width, height) as shown.
      rotation_deg: the recorder's, that is applied.
      has_audio: whether there is a sound track.
      whole_s: how long it lasts by its header; None where there is only a guess.
      duration_s, frame_count: as the file declares, or FFmpeg guesses where
        `duration_is_declared` is False.

    Raises:
      UserError: no video, too large, or damaged at its beginning.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = path
        self._damage, self._frame_threads, self._cut = Damage(), True, ""
        with self._open() as container:
            stream = self._stream(container)
            rates = (exact(stream.average_rate), exact(stream.guessed_rate), Fraction(25))
            # FFmpeg gives the ticks of a DV file's clock as its mean rate
            self.fps = near_rate(next(rate for rate in rates if rate and rate <= _FASTEST))
            aspect = exact(stream.sample_aspect_ratio) or Fraction(1)
            # 16:9 in DV's and DVD's pixels is 64:45 at most; what is far from it is a defect
            self._aspect = aspect if Fraction(1, 4) <= aspect <= 4 else Fraction(1)
            self.has_audio = sound_track(container) is not None
            self.whole_s = declared_s(container, stream, path)
            declared = seconds(stream.duration, stream.time_base)
            declared = declared or seconds(container.duration, Fraction(1, av.time_base))
            first = next(_decoded(container, stream, Damage(), frame_threads=False), None)
            if first is None:
                raise cut_short(path, "video", "it holds no frame")
            colour.check_known(first, path)
            self._origin = seconds(first.pts, first.time_base) or Fraction(0)
            self.rotation_deg = first.rotation % 360
            self.size = self._image(first, 0.0).shape[1::-1]
            self.frame_count = stream.frames or max(1, round((declared or 0) * self.fps))
            self.duration_s: Fraction = declared or self.frame_count / self.fps
            self.duration_is_declared = declared is not None and not is_guessed(container)
            is_hdr = hdr.is_hdr(int(first.color_trc))
        self._brightest = self._brightest_light() if is_hdr else 0.0

    @property
    def remarks(self) -> list[str]:
        """Notices about the file, as far as it was read."""
        remarks = [self._damage.remark(self.path), self._cut]
        if missing := missing_bytes(self.path):
            remarks.append(f"'{self.path}' is cut short: its last {missing:,} bytes are missing")
        return [remark for remark in remarks if remark]

    def decoded(self, after: Fraction = Fraction(0)) -> Iterator[DecodedFrame]:
        """Every frame in order; may leave out frames that end before `after` (seconds)."""
        shown, last = 0, Fraction(-1)
        try:
            for frame in self._frames(after):
                shown, last = shown + 1, last if frame.time_s is None else frame.time_s
                yield frame
        except DamagedPacket:
            # Which frames a damaged packet costs depends on how many are decoded at a time: one by
            # one it is the same on every machine.
            self._frame_threads = False
            for number, frame in enumerate(self._frames(after)):
                if number >= shown if frame.time_s is None else frame.time_s > last:
                    yield frame

    def _frames(self, after: Fraction) -> Iterator[DecodedFrame]:
        damage, end, count = Damage(leave_out=not self._frame_threads), Fraction(0), 0
        with self._open() as container:
            stream = self._stream(container)
            try:
                for frame in self._from(container, stream, after, damage):
                    declared = seconds(frame.pts, frame.time_base)
                    lasts = seconds(frame.duration or None, frame.time_base)
                    begins = None if declared is None else declared - self._origin
                    end = end if begins is None else begins + (lasts or 0)
                    image = partial(self._image, frame, self._brightest)
                    count += 1
                    yield DecodedFrame(begins, lasts, image)
            finally:
                self._damage = max(damage, self._damage, key=lambda damage: damage.bad)
            if self._frame_threads and count < damage.packets and stream.name not in _UNSEEN:
                raise DamagedPacket  # PyAV hides errors behind frames that come with them
            declared_nowhere_else = container.format.name == "flv"
        damage.check(self.path, "video")
        if declared_nowhere_else and end < self.duration_s * Fraction(9, 10) - Fraction(1, 5):
            there = f"{float(end):.1f} s of {float(self.duration_s):.1f} s are there"
            self._cut = f"'{self.path}' is cut short: {there}"

    def _from(
        self,
        container: av.container.InputContainer,
        stream: av.VideoStream,
        after: Fraction,
        damage: Damage,
    ) -> Iterator[av.VideoFrame]:
        """Frames from shortly before `after` on where the file has an index."""
        names = set(container.format.name.split(","))
        base = exact(stream.time_base)
        if after < _SEEK_S or base is None or not names & _INDEXED:
            yield from _decoded(container, stream, damage, self._frame_threads)
            return
        _seek(container, stream, after - _SEEK_S / 2 + self._origin)
        frames = _decoded(container, stream, damage, self._frame_threads)
        first = next(frames, None)
        declared = None if first is None else seconds(first.pts, first.time_base)
        if first is None or declared is None or declared - self._origin > after - 1:
            container.seek(0)  # a false index
            frames = _decoded(container, stream, damage, self._frame_threads)
        else:
            yield first
        yield from frames

    def _brightest_light(self) -> float:
        """The brightest light in frames sampled from the whole video, in cd/m2."""
        brightest = 0.0
        with self._open() as container:
            stream = self._stream(container)
            for look in range(_LOOKS):
                if look:
                    _seek(container, stream, self._origin + self.duration_s * look / _LOOKS)
                frame = next(_decoded(container, stream, Damage(), frame_threads=False), None)
                if frame is not None:
                    brightest = max(brightest, colour.brightest_light(frame))
        return brightest

    def _open(self) -> av.container.InputContainer:
        return open_container(self.path, "a video")

    def _stream(self, container: av.container.InputContainer) -> av.VideoStream:
        stream = moving_image(container)
        if stream is None:
            raise UserError(f"expected a video, found no moving image in '{self.path}': give one")
        if stream.width * stream.height > LARGEST_PIXELS:
            raise UserError(
                f"expected a video of at most {LARGEST_PIXELS // 10**6} million pixels, found "
                f"{stream.width}x{stream.height} in '{self.path}': reduce it"
            )
        return stream

    def _image(self, frame: av.VideoFrame, brightest: float) -> UInt8[np.ndarray, "h w 3"]:
        """Upright RGB with square pixels."""
        rgb = colour.to_rgb(frame, max(1, round(frame.width * self._aspect)), brightest)
        turns = round(frame.rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb


def _decoded(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    damage: Damage,
    frame_threads: bool,
) -> Iterator[av.VideoFrame]:
    """Progressive frames from where the container stands."""
    decoder = decoder_of(stream)
    if not decoder.is_open:
        decoder.thread_type = "AUTO" if frame_threads else "SLICE"
        # a header may lie: the decoder refuses larger frames before it makes room for them
        decoder.options = {"max_pixels": str(LARGEST_PIXELS)}
    return progressive(decode(container, stream, damage, decoder))


def _seek(container: av.container.InputContainer, stream: av.VideoStream, time_s: Fraction) -> None:
    base = exact(stream.time_base)
    try:
        if base is not None:
            container.seek(int(time_s / base), stream=stream)
    except (av.FFmpegError, OSError):
        container.seek(0)
