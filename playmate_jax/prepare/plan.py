"""What a preparation works on, fixed before it begins: sources, dealt into tasks.

A source is one span of one media file, with all that its data set says about it; readers list them.
A task is a fixed list of sources of one split, which become one shard of each data set: whatever
the workers, and however often a run is interrupted, shard 3 of 7 is made from the same sources and
is the same file. Sources are dealt out in the order of their ids' hashes: every shard is a mixture.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence

from playmate_jax.configuration import from_values, to_values
from playmate_jax.data.records import NO_EMOTION, SPLITS, Dropped
from playmate_jax.errors import UserError

SOURCES_A_SHARD = 16  # minutes of work: the most that an interrupted run loses, for each worker
MOST_SHARDS = 10_000  # of one split


@dataclasses.dataclass(frozen=True, slots=True)  # there may be millions
class Source:
    """One span of a media file: what readers list and preparation makes clips of.

    Attributes:
      id: unique in the data set and stable; clips are called `id`-000, `id`-001, ...
      path: the media file.
      root: the folder of the data set; records name files relative to it, so that they are the same
        wherever the data set is kept. "": records have the whole path.
      dataset: "mead", "avspeech", ..., "folder".
      speaker: who speaks; if the data set has no names, one that no other file shares.
      split: "train", "validation" or "test"; the same for everything of one speaker.
      audio: a sound file beside the video; "": the sound of the video.
      start_s, end_s: the span to use, in seconds; None: to the end.
      face: where the speaker's face is at the start, x and y as shares of the image's size.
      box: left, top, right, bottom of the speaker's face, in pixels.
      box_height: height of the image that `box` was measured in; in a file of another height the
        box is scaled by the ratio of the two. None: the height of this file.
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
        """The media file as records name it: relative to the data set's folder."""
        return self.below_root(self.path)

    def below_root(self, path: str) -> str:
        """A path relative to the data set's folder; unchanged if there is none."""
        if not (self.root and path):
            return path
        return os.path.relpath(path, self.root).replace(os.sep, "/")


@dataclasses.dataclass(frozen=True)
class Listing:
    """What a reader found in the folder of a data set.

    Attributes:
      sources: what can be prepared.
      dropped: what cannot be used, and why; also labels that are none of the eight emotions.
      official: the split of each speaker whom the data set itself places in one.
    """

    sources: list[Source]
    dropped: list[Dropped] = dataclasses.field(default_factory=list)
    official: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Task:
    """The sources of shard `number` of the `count` shards of a split."""

    split: str
    number: int
    count: int
    sources: tuple[Source, ...]

    @property
    def name(self) -> str:
        """Name of the task: unique in a preparation, sorted as the records are."""
        return f"{self.split}-{self.number:05d}-of-{self.count:05d}"


def plan(sources: Sequence[Source], shards: int | None = None) -> list[Task]:
    """Deals sources into tasks, split by split.

    Args:
      sources: in any order.
      shards: number of shards of the largest split; other splits have proportionally many. None:
        one for every `SOURCES_A_SHARD` sources.

    Raises:
      UserError: there are no sources, two have one id, or a speaker is in two splits.
    """
    _check(sources)
    largest = max(sum(s.split == split for s in sources) for split in SPLITS)
    if shards is None:
        shards = min(-(-largest // SOURCES_A_SHARD), MOST_SHARDS)
    planned = []
    for split in SPLITS:
        of_split = in_order(source for source in sources if source.split == split)
        count = -(-len(of_split) * min(shards, largest) // largest)
        for number in range(count):
            first, last = (len(of_split) * i // count for i in (number, number + 1))
            planned.append(Task(split, number, count, tuple(of_split[first:last])))
    return planned


def in_order(sources: Iterable[Source]) -> list[Source]:
    """Sources in the order of their ids' hashes: shuffled, and the same on every machine."""
    return sorted(sources, key=lambda s: (hashlib.sha256(_bytes(s.id)).digest(), s.id))


def _check(sources: Sequence[Source]) -> None:
    if not sources:
        raise UserError("expected sources to prepare, found none: check the folder")
    homes: dict[str, Source] = {}
    ids: dict[str, Source] = {}
    for source in sources:
        if source.split not in SPLITS:
            raise UserError(
                f"expected a split out of {', '.join(SPLITS)} for '{source.path}', found "
                f"'{source.split}'"
            )
        reference = ids.setdefault(source.id, source)
        if reference is not source:
            raise UserError(
                f"expected an id of its own for every source, found '{source.id}' for "
                f"'{reference.path}' and '{source.path}': rename one of them"
            )
        other = homes.setdefault(source.speaker, source)
        if other.split != source.split:
            raise UserError(
                f"expected every speaker in one split, found '{source.speaker}' in {other.split} "
                f"('{other.path}') and in {source.split} ('{source.path}')"
            )


def to_lines(tasks: Iterable[Task]) -> list[bytes]:
    """Tasks as lines of JSON, one line each."""
    return [
        json.dumps(to_values(task), separators=(",", ":")).encode("ascii") + b"\n" for task in tasks
    ]


def from_line(line: bytes) -> Task:
    """The task of one line that `to_lines` made."""
    return from_values(Task, json.loads(line), "the plan")


def digest(sources: Iterable[Source]) -> str:
    """SHA-256 of a set of sources, independent of their order and of the place of their folder."""
    lines = sorted(
        json.dumps(
            {
                **to_values(source),
                "path": source.place,
                "audio": source.below_root(source.audio),
                "root": "",
            }
        )
        for source in sources
    )
    return hashlib.sha256("\n".join(lines).encode("ascii")).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
