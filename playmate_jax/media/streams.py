"""Which of a container's streams are seen and heard, what decodes them, and how long they last."""

import os
import struct
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import av
import av.container
from av.stream import Disposition

from playmate_jax.media.container import seconds

_COVERS = Disposition.attached_pic | Disposition.timed_thumbnails
# FFmpeg's own decoders of these leave out the transparency
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
# Where no header states a length, FFmpeg estimates it from the file size or the last timestamps.
_GUESSED = {
    "aac", "ac3", "eac3", "ac4", "amr", "avi", "dts", "dtshd", "h264", "hevc", "loas", "m4v", "mlp",
    "mpeg", "mpegts", "mpegvideo", "obu", "truehd",
}  # fmt: skip
# marks in an mp3's first frame, and how far behind them the number of frames is
_MP3_LENGTHS = {b"Xing": 8, b"Info": 8, b"VBRI": 14}
_NEAR_S = Fraction(1, 5)  # the delay of encoders and what they fill up
_UNKNOWN_RIFF = (0, 0xFFFFFFFF)  # what programs leave that write into a pipe


def moving_image(container: av.container.InputContainer) -> av.VideoStream | None:
    """The video stream that players show: the default one, else the first, of those that can be
    decoded and are no cover of an audio file."""
    streams = container.streams.video
    return _preferred([stream for stream in streams if not stream.disposition & _COVERS])


def sound_track(container: av.container.InputContainer) -> av.AudioStream | None:
    """The audio stream that players play: the default one, else the first, of those that can be
    decoded."""
    return _preferred(container.streams.audio)


def _preferred(streams: Iterable[Any]) -> Any:
    able = [stream for stream in streams if stream.codec_context is not None]
    default = [stream for stream in able if stream.disposition & Disposition.default]
    return next(iter(default or able), None)


def decoder_of(stream: av.VideoStream) -> av.CodecContext:
    """The decoder of a video stream, one that decodes transparency where the stream has it."""
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    name = _ALPHA_DECODERS.get(stream.codec_context.name)
    if tags.get("alpha_mode") == "1" and name in av.codecs_available:
        return av.VideoCodecContext.create(name, "r")
    return stream.codec_context


def is_guessed(container: av.container.InputContainer) -> bool:
    """Whether the lengths of such a file are guesses of FFmpeg's."""
    return bool(set(container.format.name.split(",")) & _GUESSED)


def declared_s(
    container: av.container.InputContainer, stream: Any, path: str | os.PathLike
) -> Fraction | None:
    """How long a stream lasts by its header; None where there is only a guess."""
    if is_guessed(container):
        return None
    declared = seconds(stream.duration, stream.time_base)
    if container.format.name == "mp3":
        length = _mp3_length_s(path, stream.rate) if stream.rate else None
        if length is None or declared is None or abs(length - declared) > _NEAR_S:
            return length  # FFmpeg goes by the bit rate where other recordings follow
    return declared


def missing_bytes(path: str | os.PathLike) -> int:
    """How many bytes a Matroska, WebM or AVI file lacks by its header."""
    with open(path, "rb") as file:
        head = file.read(4096)
    size = os.path.getsize(path)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        (length,) = struct.unpack("<I", head[4:8])
        return 0 if length in _UNKNOWN_RIFF else max(0, length + 8 - size)
    if head[:4] == b"\x1a\x45\xdf\xa3":  # EBML: an id, a length, the header; then the segment
        length, start = _ebml_length(head, 4)
        if length is None or head[start + length : start + length + 4] != b"\x18\x53\x80\x67":
            return 0
        length, start = _ebml_length(head, start + length + 4)
        return 0 if length is None else max(0, start + length - size)
    return 0


def _ebml_length(data: bytes, at: int) -> tuple[int | None, int]:
    """A length of EBML and where it ends; None: unknown, as written into a pipe."""
    if at >= len(data) or not data[at]:
        return None, at
    width = 9 - data[at].bit_length()
    bits = 7 * width
    value = int.from_bytes(data[at : at + width], "big") & ((1 << bits) - 1)
    return (None if value == (1 << bits) - 1 else value), at + width


def _mp3_length_s(path: str | os.PathLike, hz: int) -> Fraction | None:
    """The duration by the frame count in the first frame, which follows tags of any size."""
    with open(path, "rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3":
            size = 0
            for byte in head[6:10]:
                size = size << 7 | byte & 127
            file.seek(10 + size)
        else:
            file.seek(0)
        start = file.read(4096)
    for mark, place in _MP3_LENGTHS.items():
        at = start.find(mark)
        number = start[at + place : at + place + 4]
        known = mark == b"VBRI" or start[at + 7 : at + 8] and start[at + 7] & 1
        if at >= 0 and len(number) == 4 and known:  # noqa: PLR2004
            samples = 1152 if hz >= 32000 else 576  # noqa: PLR2004  (MPEG-1, and 2 or 2.5)
            return Fraction(int.from_bytes(number, "big") * samples, hz)
    return None
