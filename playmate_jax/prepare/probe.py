"""The first look at a source: is it a video with sound that can be prepared, and how long is it?

Nothing but the first frame is decoded.
"""

import math
import os
from dataclasses import dataclass
from fractions import Fraction

import av

from playmate_jax.errors import UserError
from playmate_jax.media import VideoReader, open_video
from playmate_jax.media.container import open_container, seconds
from playmate_jax.media.streams import sound_track
from playmate_jax.motion.layout import FPS
from playmate_jax.prepare.plan import Source

_LEAST_BYTES = 1000  # of a second of video: a file that claims to be longer is not believed
_SKIPPED = 0.05  # of a second's work: the cost of a second that is decoded and not looked at


@dataclass(frozen=True)
class Probe:
    """A source that can be read.

    Attributes:
      reader: gives its images.
      sound: path of the file that holds its speech.
      start, stop: the span in frames at 25 fps; `stop` None: to the end.
    """

    reader: VideoReader
    sound: str
    start: int
    stop: int | None


def probe(source: Source) -> Probe:
    """Opens a source and checks that it has images, sound and a span.

    Raises:
      UserError: no such file, no video, no sound, or nothing in the span.
    """
    reader = open_video(source.path)
    if source.audio:
        _check_sound(source.audio)
    elif not reader.has_audio:
        raise UserError(
            f"expected a video with sound, found none in '{source.path}': give a sound file beside "
            "it, or leave it out"
        )
    start = round(Fraction(source.start_s) * FPS)
    stop = None if source.end_s is None else round(Fraction(source.end_s) * FPS)
    if start < 0 or (stop is not None and stop <= start):
        raise UserError(
            f"expected a span of '{source.path}' that ends after it begins, found "
            f"{source.start_s:.2f} s to {source.end_s} s: correct the list"
        )
    # lengths in files are estimates; a start one minute beyond a declared one is an error
    if reader.duration_is_declared and source.start_s > reader.duration_s + 60:
        raise UserError(
            f"expected '{source.path}' to reach {source.start_s:.1f} s, found that it ends at "
            f"{reader.duration_s:.1f} s: it may be another video"
        )
    return Probe(reader, source.audio or source.path, start, stop)


def _check_sound(path: str) -> None:
    with open_container(path, "a recording") as container:
        if sound_track(container) is None:
            raise UserError(f"expected a recording, found no sound in '{path}': give another")


def source_length_s(source: Source) -> float:
    """Seconds of media in a source, estimated without decoding, for its time limit.

    The claims of a file are bounded by its size. A twentieth of what lies before the span is added,
    which may have to be decoded too.
    """
    if source.end_s is not None and not source.path:  # it is rendered
        return source.end_s - source.start_s
    try:
        most = os.path.getsize(source.path) / _LEAST_BYTES
        if source.end_s is None:
            return min(_claimed_s(source.path), most)
        span_s = max(source.end_s - source.start_s, 0.0)
        return min(span_s, most) + _SKIPPED * min(source.start_s, most)
    except Exception:  # the maker reports it
        return 0.0


def _claimed_s(path: str) -> float:
    """Seconds that a file claims to have; infinity where it claims none (written into a pipe)."""
    with open_container(path, "a video") as container:
        claimed = seconds(container.duration, Fraction(1, av.time_base))
    return math.inf if not claimed or claimed < 0 else float(claimed)
