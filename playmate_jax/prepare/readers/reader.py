"""What a reader is, and what it finds; how it tells of what it could not use.

A reader turns the names of a folder's files, and the data set's tables beside them, into sources.
It never opens a media file. What is missing (most downloads are incomplete) is no error: it is
told in one line a kind, with its number and its first names.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TextIO

from playmate_jax.data.records import Dropped
from playmate_jax.errors import UserError
from playmate_jax.prepare.readers.tree import Tree
from playmate_jax.prepare.source import Source

_NAMED = 3  # of many names, how many are told


@dataclass(frozen=True)
class Found:
    """What a reader found; ids and splits are settled after it.

    Attributes:
      sources: their `id` is the data set's own name for them; `split` is not looked at.
      official: speaker -> split, for those whom the data set itself places.
      dropped: what cannot be used, and labels that have no class.
    """

    sources: list[Source]
    official: Mapping[str, str] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)


@dataclass(frozen=True)
class Reader:
    """One data set's reader.

    Attributes:
      title: its name and what it is, a line.
      licence: what it may be used for, a sentence.
      layout: what is expected in the folder, told to people.
      read: files of the folder, and options, to what they are.
      options: name -> help of the options that `read` takes.
    """

    title: str
    licence: str
    layout: str
    read: Callable[..., Found]
    options: Mapping[str, str] = field(default_factory=dict)


class Missing:
    """Counts clips that the tables name and the folder lacks."""

    def __init__(self):
        self.clips = 0
        self.videos: set[str] = set()
        self.first: list[str] = []

    def add(self, clip: str, video: str = "") -> None:
        """`video`: the recording that the clip is a part of, where that is not its own name."""
        self.clips += 1
        self.videos.add(video or clip)
        if len(self.first) < _NAMED:
            self.first.append(clip)

    def told(self, tree: Tree, total: int) -> list[Dropped]:
        """One line, or none. `total`: how many clips the tables name."""
        if not self.clips:
            return []
        videos = f" (of {len(self.videos):,} videos)" if len(self.videos) < self.clips else ""
        return remark(
            tree,
            "no-file",
            f"{self.clips:,} of {total:,} clips{videos} have no file here, neither cut nor as a "
            f"whole video: not downloaded, or no longer to be had",
            self.first,
        )


def nothing(tree: Tree, reason: str) -> Found:
    """Nothing at all is found, because of one thing."""
    return Found([], dropped=remark(tree, "nothing", reason))


@contextmanager
def table(path: str) -> Iterator[TextIO]:
    """A data set's text file, open for reading; what is no UTF-8 in it is replaced.

    Raises:
      UserError: it cannot be read.
    """
    try:
        with open(path, encoding="utf-8-sig", errors="replace", newline="") as lines:
            yield lines
    except (OSError, csv.Error) as error:
        raise UserError(
            f"expected a text file, but '{path}' cannot be read "
            f"({getattr(error, 'strerror', None) or error}): download it again"
        ) from None


def remark(
    tree: Tree, id: str, reason: str, names: Iterable[str] = (), stage: str = "listing"
) -> list[Dropped]:
    """One line on many: `reason`, and the first of their names. `stage`: "label" for labels that
    are not used, whose clips are kept."""
    first = ", ".join(islice(names, _NAMED))
    return [Dropped(id, tree.root, stage, f"{reason}: {first}" if first else reason)]


def without_class(tree: Tree, labels: Counter[str]) -> list[Dropped]:
    """One line on labels that are none of the eight emotions; their clips are kept without one."""
    if not labels:
        return []
    listed = ", ".join(f"{label} {n:,}" for label, n in sorted(labels.items()))
    reason = (
        f"{labels.total():,} clips have a label that is none of the eight emotions and are kept "
        f"without one ({listed})"
    )
    return remark(tree, "no-emotion", reason, stage="label")
