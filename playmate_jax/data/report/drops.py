"""What was dropped, by stage and by the kind of its reason.

Two reasons are of one kind when they differ in numbers and quoted names alone. Every drop is
counted; of each kind the first are kept to be listed, so that a page about a million broken files
is still a page.
"""

import dataclasses
import re
from collections.abc import Iterable

from playmate_jax.data.records import Dropped

LISTED = 50  # of a kind
KINDS = 40  # beyond these everything of a stage is one kind
OTHER = "other reasons"

# What is particular to one file: quoted names and numbers (but not the 4 of mp4).
_PARTICULAR = re.compile(r"('[^']*'|\"[^\"]*\"|(?<![\w.])[-+]?\d[\d.,:]*(?:e[-+]?\d+)?)")
_LEFT_OUT = "\N{HORIZONTAL ELLIPSIS}"


@dataclasses.dataclass
class Group:
    """Drops of one stage and one kind of reason.

    Attributes:
      kind: the reason, without the numbers and names in which they differ.
      listed: the first of them, at most `LISTED`.
    """

    stage: str
    kind: str
    count: int = 0
    listed: list[Dropped] = dataclasses.field(default_factory=list)


def group_drops(dropped: Iterable[Dropped]) -> list[Group]:
    """Groups drops by stage and kind of reason, the largest group first."""
    groups: dict[tuple[str, str], Group] = {}
    common: dict[tuple[str, str], list[str]] = {}  # particulars that all of a group share
    for drop in dropped:
        parts = _PARTICULAR.split(drop.reason)
        key = drop.stage, _LEFT_OUT.join(parts[::2])
        if key not in groups and len(groups) >= KINDS:
            key, parts = (drop.stage, OTHER), [OTHER]
        group = groups.setdefault(key, Group(*key))
        group.count += 1
        if len(group.listed) < LISTED:
            group.listed.append(drop)
        before = common.setdefault(key, parts)
        common[key] = [old if old == new else _LEFT_OUT for old, new in zip(before, parts)]
    for key, group in groups.items():
        group.kind = "".join(common[key])
    return sorted(groups.values(), key=lambda g: (-g.count, g.stage, g.kind))
