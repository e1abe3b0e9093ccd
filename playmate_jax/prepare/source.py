"""A source: one span of one media file, and all that its data set says about it."""

import dataclasses
import os

from playmate_jax.data.records import NO_EMOTION, Dropped


@dataclasses.dataclass(frozen=True, slots=True)  # there may be millions
class Source:
    """What the readers give and the stages take.

    Attributes:
      id: unique in the data set and stable; clips are called `id`-000, `id`-001, ...
      path: the media file.
      root: the folder of the data set, from which records tell where a file lies: so they are the
        same wherever the data set is kept. "": they tell the whole path.
      dataset: "mead", "avspeech", ..., "folder".
      speaker: who speaks; where the data set does not tell, a name that no other file shares.
      split: "train", "validation" or "test"; the same for everything of one speaker.
      audio: a sound file beside the video; "" for the video's own sound.
      start_s, end_s: the span to use; None: to the end.
      face: where the speaker's face is at the start, x and y as shares of the image's size.
      box: left, top, right, bottom of the speaker's face, in pixels.
      box_height: the image's height that `box` was measured at: of a file of another height, its
        numbers are to be scaled by the ratio of the two; None: of this file's own.
      emotion, intensity, language: as in `data.records.Clip`.
    """

    id: str
    path: str
    dataset: str
    speaker: str
    split: str = "train"
    root: str = ""
    audio: str = ""
    start_s: float = 0.0
    end_s: float | None = None
    face: tuple[float, float] | None = None
    box: tuple[float, float, float, float] | None = None
    box_height: int | None = None
    emotion: int = NO_EMOTION
    intensity: float = 0.0
    language: str = ""

    @property
    def place(self) -> str:
        """The media file as records tell it."""
        return self.below_root(self.path)

    def below_root(self, path: str) -> str:
        """A path from the data set's folder on."""
        if not (self.root and path):
            return path
        return os.path.relpath(path, self.root).replace(os.sep, "/")


@dataclasses.dataclass(frozen=True)
class Listing:
    """What a reader found: sources to prepare, and what of the data set cannot be used, and why."""

    sources: list[Source]
    dropped: list[Dropped] = dataclasses.field(default_factory=list)
