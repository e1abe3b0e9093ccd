"""The least that a system has to beat: the reference's first frame, still, under its own sound."""

from pathlib import Path

from playmate_jax.errors import UserError
from playmate_jax.media import VideoWriter, read_sound
from playmate_jax.metrics.videos.video import Video
from playmate_jax.motion.layout import AUDIO_HZ

NAME = "first frame"  # the system's, in tables


def write_still(reference: Video, path: Path) -> Path:
    """A video of the reference's length that shows its first frame throughout; one that is there
    and not older than the reference is left as it is.

    Raises:
      UserError: the reference cannot be read, or `path` cannot be written.
    """
    if path.exists() and path.stat().st_mtime >= reference.path.stat().st_mtime:
        return path
    frames, first = 0, None
    for frame in reference.frames():
        first = frame if first is None else first
        frames += 1
    assert first is not None  # a video without a frame cannot be opened
    try:
        sound = read_sound(reference.path) if reference.facts.has_sound else None
    except UserError:  # damaged sound: the image is still to be had
        sound = None
    path.parent.mkdir(parents=True, exist_ok=True)
    samples, hz = (None, AUDIO_HZ) if sound is None else sound
    with VideoWriter(path, reference.protocol.fps, first.shape[1::-1], samples, hz) as out:
        for _ in range(frames):
            out.write(first)
    return path
