"""The least that a system has to beat: the reference's first frame under its own sound, still, or
with lips that open with the level of the speech and know nothing of what is said."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.errors import UserError
from playmate_jax.media import VideoWriter, read_sound
from playmate_jax.metrics.lips import energy_envelope
from playmate_jax.metrics.videos.video import Video
from playmate_jax.motion.layout import AUDIO_HZ

NAME = "first frame"  # the system's, in tables
LOUDNESS = "mouth by loudness"  # the other's; the weights follow in brackets
LOUD = 0.3  # of the speech level, 0 ... 1: lips stay as they are below

Image = UInt8[np.ndarray, "h w 3"]


class Lips(NamedTuple):
    """What draws a portrait with open lips: a renderer without a motion generator.

    Attributes:
      weights: its name, for tables and folders.
      of: a portrait to a function that draws it; 0 is the portrait, 1 a wide open mouth.
    """

    weights: str
    of: Callable[[Image], Callable[[float], Image]]

    @property
    def system(self) -> str:
        """The name of this baseline in tables."""
        return f"{LOUDNESS} ({self.weights})"


def lips_of(weights: str, face_models: str | None = None) -> Lips:
    """The lips of a renderer, by the editor of portraits: the unit of the jaw in the demo's face
    space, the retargeting network of other weights.

    Raises:
      UserError: no such weights.
    """
    from playmate_jax.inference import Animator

    animator = Animator.from_weights(weights, face_models=face_models, batch=1)

    def of(portrait: Image) -> Callable[[float], Image]:
        editor = animator.editor(portrait)
        return lambda amount: editor.draw({"lips": amount})

    return Lips(Path(weights).name, of)


def write_still(reference: Video, path: Path) -> Path:
    """A video of the reference's length that shows its first frame throughout; one that is there
    and not older than the reference is left as it is.

    Raises:
      UserError: the reference cannot be read, or `path` cannot be written.
    """

    def frames(first: Image, count: int) -> Iterator[Image]:
        for _ in range(count):
            yield first

    return _write(reference, path, frames)


def write_loudness(reference: Video, path: Path, lips: Lips) -> Path:
    """The same with lips that open with the level of the speech, as a mouth's that is shut below
    LOUD. Without a generator: what a system scores no better than this is not lip reading.

    Raises:
      UserError: as `write_still`; there is no speech, or no face in the first frame.
    """

    def frames(first: Image, count: int) -> Iterator[Image]:
        amounts = by_loudness(reference.sound(), count)
        drawn = lips.of(first)
        for amount in amounts:
            yield drawn(float(amount)).copy()  # the next one may be painted over it

    return _write(reference, path, frames)


def by_loudness(sound: Float[np.ndarray, " s"], count: int) -> Float[np.ndarray, " t"]:
    """How far lips are open in each of `count` frames: the speech level, 0 below LOUD.

    Args:
      sound: mono at 16 kHz.
    """
    level = energy_envelope(sound, count)
    return np.where(level < LOUD, 0.0, level)


def _write(reference: Video, path: Path, frames: Callable[[Image, int], Iterator[Image]]) -> Path:
    if path.exists() and path.stat().st_mtime >= reference.path.stat().st_mtime:
        return path
    first = next(islice(reference.frames(), 1))  # a video without a frame cannot be opened
    count = sum(1 for _ in reference.frames())
    try:
        sound = read_sound(reference.path) if reference.facts.has_sound else None
    except UserError:  # damaged sound: the image is still to be had
        sound = None
    path.parent.mkdir(parents=True, exist_ok=True)
    samples, hz = (None, AUDIO_HZ) if sound is None else sound
    with VideoWriter(path, reference.protocol.fps, first.shape[1::-1], samples, hz) as out:
        for frame in frames(first, count):
            out.write(frame)
    return path
