"""The first look at a source: is it a video with sound that can be prepared? Nothing is decoded but
the first frame."""

from dataclasses import dataclass
from fractions import Fraction

from playmate_jax.errors import UserError
from playmate_jax.media import VideoReader, open_video
from playmate_jax.media.container import open_container
from playmate_jax.media.streams import sound_track
from playmate_jax.motion.layout import FPS
from playmate_jax.prepare.source import Source


@dataclass(frozen=True)
class Probe:
    """A source that can be read.

    Attributes:
      reader: its images.
      sound: the file that its speech is in.
      start, stop: the span in frames at 25 fps; None: to the end.
    """

    reader: VideoReader
    sound: str
    start: int
    stop: int | None


def probe(source: Source) -> Probe:
    """Opens a source.

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
    # declared lengths are rough; what is a minute beyond them is not there
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
