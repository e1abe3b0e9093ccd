"""Opening media files with FFmpeg's libraries (through PyAV), for `video` and `audio`.

One place decides how a path becomes an open container, so that every path is taken literally
(spaces, quotes, `$(...)`, colons, any script), nothing but local files is ever opened, and whatever
is wrong with a file becomes one sentence.
"""

import functools
import io
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container

from playmate_jax.errors import UserError

# FFmpeg finds "video" in these as well: lists of other files, text as an ANSI terminal, subtitles,
# single images.
_NOT_MEDIA = {"concat", "tty", "bin", "xbin", "adf", "idf", "srt", "ass", "webvtt", "ffmetadata"}
_STILL = ("_pipe", "image2")


def check_readable(path: str | os.PathLike, what: str) -> Path:
    """The path, once it is known to be a readable, non-empty file. `what`: "a portrait", say."""
    path = Path(path)
    try:
        if path.is_dir():
            raise UserError(f"expected {what}, found the folder '{path}': give a file")
        if path.exists() and not path.is_file():  # opening a pipe waits for somebody who writes
            raise UserError(f"expected {what}, found a pipe or device, '{path}': give a file")
        with open(path, "rb") as file:
            if not file.read(1):
                raise UserError(f"expected {what}, found the empty file '{path}': give another")
    except UserError:  # a ValueError too, and said already
        raise
    except FileNotFoundError:
        raise UserError(f"expected {what}, found no file '{path}': check the path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"expected {what}, but '{path}' cannot be read ({reason}): check the file"
        ) from None
    return path


def open_container(path: str | os.PathLike, what: str) -> av.container.InputContainer:
    """Opens a local media file for reading; raises `UserError` when it is none."""
    path = check_readable(path, what)
    try:
        # "file:" takes the rest of the name literally; the whitelist keeps playlists local.
        container = av.open(
            "file:" + os.path.abspath(path),
            "r",
            options={"protocol_whitelist": "file"},
            **_tag_options(),
        )
    except (av.FFmpegError, OSError, ValueError):
        raise UserError(
            f"expected {what}, found '{path}', which is no media file or is damaged: "
            "give a common format such as mp4, mov, wav, mp3 or m4a"
        ) from None
    names = set(container.format.name.split(","))
    if names & _NOT_MEDIA or any(name.endswith(_STILL) for name in names):
        container.close()
        raise UserError(
            f"expected {what}, found '{path}', which is a text or a single image: give a recording"
        )
    if "mp4" in names and _is_cut_short(container, os.path.getsize(path)):
        container.close()
        raise UserError(
            f"expected {what}, but '{path}' is damaged or cut short (its index lists more "
            "data than the file holds): give an intact copy"
        )
    return container


@functools.cache
def _tag_options() -> dict[str, Any]:
    """Tags (titles, comments) may be in any encoding and are never read. PyAV decodes them as it
    opens a file, and up to version 18 fails where they are no UTF-8 unless asked otherwise; later
    ones take no such argument."""
    options: dict[str, Any] = {"metadata_errors": "ignore"}
    try:
        av.open(io.BytesIO(), **options).close()
    except TypeError:
        return {}
    except (av.FFmpegError, OSError, ValueError):
        pass  # nothing is no media file
    return options


def _is_cut_short(container: av.container.InputContainer, size: int) -> bool:
    """Whether an index at the front lists data beyond the end of the file, which FFmpeg ignores
    silently."""
    last = [stream.index_entries[-1] for stream in container.streams if len(stream.index_entries)]
    return any(entry.pos + entry.size > size for entry in last)


def exact(rational: Any) -> Fraction | None:
    """A rational of PyAV as a Fraction, which it was before version 19; None if undefined."""
    if rational is None or not rational.denominator:
        return None
    return Fraction(rational.numerator, rational.denominator)


def seconds(ticks: int | None, time_base: Any) -> Fraction | None:
    """A time or duration of a stream, exact; None where the file does not state it."""
    base = exact(time_base)
    return None if ticks is None or base is None else ticks * base
