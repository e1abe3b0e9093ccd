"""The interface of readers, and how they report files that they could not use.

A reader turns the names of a folder's files, and the data set's tables beside them, into sources.
It never opens a media file. Missing files (most downloads are incomplete) are no error: they are
reported in one line a kind, with their number and first names.
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
from playmate_jax.prepare.plan import Listing
from playmate_jax.prepare.readers.tree import Tree

_NAMED = 3  # names given in a remark on many


@dataclass(frozen=True)
class Reader:
    """The reader of one data set.

    Attributes:
      title: the data set's name and a description, one line.
      licence: what it may be used for, one sentence.
      layout: the files expected in the folder, for the help of the command line.
      read: takes the files of the folder, and options; returns a `Listing` whose ids are the data
        set's own names and whose splits are not assigned yet.
      options: help texts of the options that `read` takes, by name.
    """

    title: str
    licence: str
    layout: str
    read: Callable[..., Listing]
    options: Mapping[str, str] = field(default_factory=dict)


class Missing:
    """Counts clips that the tables of a data set name and its folder lacks."""

    def __init__(self):
        self.clips = 0
        self.videos: set[str] = set()
        self.first: list[str] = []

    def add(self, clip: str, video: str = "") -> None:
        """Counts one clip; `video`: the recording that it is a part of, if named differently."""
        self.clips += 1
        self.videos.add(video or clip)
        if len(self.first) < _NAMED:
            self.first.append(clip)

    def drops(self, tree: Tree, total: int) -> list[Dropped]:
        """One line on all missing clips, or none; `total`: how many clips the tables name."""
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


def nothing(tree: Tree, reason: str) -> Listing:
    """A listing without sources, for one reason."""
    return Listing([], remark(tree, "nothing", reason))


@contextmanager
def table(path: str) -> Iterator[TextIO]:
    """Opens a text file of a data set; bytes that are not UTF-8 are replaced.

    Raises:
      UserError: the file cannot be read.
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
    """One line of dropped.jsonl on many things.

    Args:
      reason: what is wrong with all of them.
      names: of which the first are added to the reason.
      stage: "listing"; "label" for labels that are not used, whose clips are kept.
    """
    first = ", ".join(islice(names, _NAMED))
    return [Dropped(id, tree.root, stage, f"{reason}: {first}" if first else reason)]


def without_class(tree: Tree, labels: Counter[str]) -> list[Dropped]:
    """One line on clips whose labels are none of the eight emotions, with the number of each."""
    if not labels:
        return []
    listed = ", ".join(f"{label} {n:,}" for label, n in sorted(labels.items()))
    reason = (
        f"{labels.total():,} clips have a label that is none of the eight emotions and are kept "
        f"without one ({listed})"
    )
    return remark(tree, "no-emotion", reason, stage="label")
