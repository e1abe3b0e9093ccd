"""What `playmate prepare` prints: the plan of a dry run, and the result of a preparation."""

import collections
import re
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from playmate_jax.configuration import to_values
from playmate_jax.errors import UserError

if TYPE_CHECKING:
    from playmate_jax.prepare.plan import Listing, Task
    from playmate_jax.prepare.preparation import Prepared

_REASONS = 8  # reasons for drops that are listed, the most frequent ones


def print_plan(
    data_set: str,
    out: str,
    kinds: Sequence[str],
    config: Any,
    listing: "Listing",
    planned: "Sequence[Task]",
) -> None:
    """Prints what a preparation would do: sources by split, settings, and what cannot be used.

    Args:
      data_set: its name on the command line.
      out: the prepared folder.
      kinds: the data sets that would be written.
      config: the settings, a dataclass.
      listing: what the reader found.
      planned: the tasks.
    """
    print(f"{data_set}: {_count(len(listing.sources), 'source')}, into {out}")
    by_split: dict[str, list[Task]] = {}
    for task in planned:
        by_split.setdefault(task.split, []).append(task)
    for split, tasks in by_split.items():
        sources = [source for task in tasks for source in task.sources]
        speakers = len({source.speaker for source in sources})
        labels = sum(source.emotion >= 0 for source in sources)
        print(
            f"  {split:10} {_count(len(sources), 'source')} of {_count(speakers, 'speaker')}, "
            f"{labels:,} with an emotion, in {_count(len(tasks), 'shard')}"
        )
    for kind in kinds:
        print(f"would write {kind}")
    print("settings, of which --set changes any:")
    for name, value in _flat(to_values(config)):
        print(f"  {name}={value}")
    if listing.dropped:
        print("not usable:")
    for dropped in listing.dropped:
        print(f"  {dropped.reason}")


def print_result(out: str, kinds: Sequence[str], prepared: "Prepared") -> None:
    """Prints the clips that were kept, the reasons for drops, and where everything is.

    Raises:
      UserError: no clip was kept.
    """
    clips, dropped = prepared.clips, prepared.dropped
    reasons = _reasons(dropped)
    if not clips:
        first = f", most often because: {reasons[0][1]}" if reasons else ""
        raise UserError(
            f"expected clips to keep, found that all was dropped{first}; {out}/dropped.jsonl lists "
            "all: check the videos, or loosen the settings"
        )
    if prepared.already:
        print(f"{out} was complete already; nothing was done")
    hours = sum(clip["seconds"] for clip in clips) / 3600
    splits = collections.Counter(clip["split"] for clip in clips)
    speakers = len({clip["speaker"] for clip in clips})
    print(
        f"kept {_count(len(clips), 'clip')}, {hours:.2f} h of {_count(speakers, 'speaker')} "
        f"({', '.join(f'{split} {n:,}' for split, n in splits.items())})"
    )
    if dropped:
        print(f"dropped {len(dropped):,}:")
    for number, reason in reasons[:_REASONS]:
        print(f"  {number:7,} {reason}")
    if len(reasons) > _REASONS:
        print(f"  {sum(n for n, _ in reasons[_REASONS:]):7,} for other reasons")
    if prepared.lost:
        print(
            f"{_count(len(prepared.lost), 'source')} crashed, hung or failed unexpectedly; those "
            "of the stages 'isolation' and 'error'"
        )
    print(f"data sets: {', '.join(f'{out}/{kind}' for kind in kinds)}")
    print(f"lists: {out}/clips.jsonl, {out}/dropped.jsonl")
    print(f"next: playmate data report {shlex.quote(out)}")


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Pairs of dotted name and value for nested settings."""
    found = []
    for name, value in values.items():
        table = isinstance(value, dict)
        found += _flat(value, f"{prefix}{name}.") if table else [(prefix + name, value)]
    return found


def _reasons(dropped: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """Counts and reasons, the most frequent first; reasons that differ in numbers alone are one."""
    groups: dict[str, list[str]] = {}
    for line in dropped:
        reason = f"{line['stage']}: {line['reason']}"
        groups.setdefault(re.sub(r"'[^']*'|[\d.,]+", "#", reason), []).append(reason)
    found = [(len(group), group[0]) for group in groups.values()]
    return sorted(found, key=lambda row: -row[0])


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
