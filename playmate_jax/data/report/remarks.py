"""Remarks on a data set before training: what to check, in plain sentences, the worst first."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from playmate_jax.data.records import NO_EMOTION
from playmate_jax.data.report.plots import number
from playmate_jax.data.report.survey import Survey
from playmate_jax.motion.layout import EMOTIONS

FEW = 20  # clips of a class, or a tenth of the largest class
MANY_DROPS = 0.3  # of everything
FAR, FAR_SHARE = 8.0, 0.25  # from the median: in scaled median deviations, and in medians
ENOUGH = 20  # clips from which the usual range is estimated
NAMED = 3  # ids named in a sentence


class Remark(NamedTuple):
    """A sentence, and how bad it is: "wrong", "look" or "fine"."""

    level: str
    says: str


def remarks_of(found: Survey) -> list[Remark]:
    """All remarks on a survey, the worst first; at least one."""
    every = [
        *_of_sizes(found), *_of_splits(found), *_of_records(found), *_of_labels(found),
        *_of_quality(found), *_of_drops(found),
    ]  # fmt: skip
    return sorted(every, key=lambda remark: ("wrong", "look", "fine").index(remark.level))


def split_speakers(found: Survey) -> dict[str, set[str]]:
    """Speakers that are in more than one split, with their splits."""
    homes: dict[str, set[str]] = defaultdict(set)
    for speaker, split in zip(found.clips.speakers, found.clips.splits):
        homes[speaker].add(split)
    return {speaker: splits for speaker, splits in homes.items() if len(splits) > 1}


def _of_sizes(found: Survey) -> Iterator[Remark]:
    count = len(found.clips.ids)
    if not count:
        yield Remark("wrong", "No clip is left in this set: see below why each was dropped.")
        return
    for records in found.sets:
        if len(records) != count:
            yield Remark(
                "wrong", f"{records.name} holds {len(records):,} records, but clips.jsonl has "
                f"{count:,}: prepare the folder again."
            )  # fmt: skip
    repeated = [name for name, times in Counter(found.clips.ids).items() if times > 1]
    if repeated:
        yield Remark(
            "wrong",
            f"{_count(repeated, 'id')} {_comes(repeated)} more than once{_such(repeated)}",
        )


def _of_splits(found: Survey) -> Iterator[Remark]:
    both = sorted(split_speakers(found))
    if both:
        yield Remark(
            "wrong", f"{_count(both, 'speaker')} {_comes(both)} in more than one split{_such(both)}"
        )  # fmt: skip
    elif found.clips.ids:
        yield Remark("fine", "No speaker is in two splits.")
    missing = [name for name in ("train", "validation") if name not in set(found.clips.splits)]
    if missing and found.clips.ids:
        yield Remark("look", f"No clip is in the split {' or '.join(missing)}.")
    if len(set(found.clips.speakers)) == 1:
        yield Remark(
            "look", "There is one speaker alone: a model learns no other voice from this set."
        )


def _of_records(found: Survey) -> Iterator[Remark]:
    if not found.looked_at:
        return
    if found.faults:
        yield Remark(
            "wrong", f"{len(found.faults):,} of {found.looked_at:,} records looked at are broken, "
            "such as " + "; ".join(f"{name}: {what}" for name, what in found.faults[:NAMED])
            + ". 'playmate data check' lists them all."
        )  # fmt: skip
    else:
        yield Remark(
            "fine", f"In {found.looked_at:,} records looked at every number is finite, and sound, "
            "motion and features are of one length."
        )  # fmt: skip
    if found.still:
        ids = [f"{name} ({what})" for name, what in found.still]
        yield Remark("look", f"{_count(ids, 'clip')} never {_move(ids)}{_such(ids)}")


def _of_labels(found: Survey) -> Iterator[Remark]:
    emotions = found.clips.emotions
    labelled = emotions[emotions != NO_EMOTION]
    if not labelled.size:
        if emotions.size:
            yield Remark("look", "No clip has an emotion label: the set cannot train stage 2.")
        return
    counts = np.bincount(labelled, minlength=len(EMOTIONS))
    few = [
        f"{name} ({counts[k]:,})"
        for k, name in enumerate(EMOTIONS)
        if counts[k] < max(FEW, counts.max() / 10)
    ]
    if len(few) == len(EMOTIONS):
        yield Remark("look", f"Every emotion has few clips: {_and(few)}.")
    elif few:
        yield Remark(
            "look", f"Few clips of {_and(few)}; the largest class has {counts.max():,}."
        )  # fmt: skip
    if labelled.size < emotions.size:
        left = emotions.size - labelled.size
        yield Remark("look", f"{left:,} of {emotions.size:,} clips have no emotion label.")


def _of_quality(found: Survey) -> Iterator[Remark]:
    """Scores of kept clips far from what is usual: a missing filter, or a wrong score."""
    for name, values in found.clips.quality.items():
        finite = np.isfinite(values)
        if finite.sum() < ENOUGH:
            continue
        middle = np.median(values[finite])
        spread = 1.4826 * np.median(np.abs(values[finite] - middle))
        if spread <= 0:
            continue
        reach = max(FAR * spread, FAR_SHARE * abs(middle))
        far = np.flatnonzero(finite & (np.abs(values - middle) > reach))
        if far.size:
            far = far[np.argsort(-np.abs(values[far] - middle), kind="stable")]
            ids = [f"{found.clips.ids[k]} ({number(values[k])})" for k in far]
            yield Remark(
                "look", f"{_count(ids, 'kept clip')} {'is' if len(ids) == 1 else 'are'} far out in "
                f"{name}, where the median is {number(middle)}{_such(ids)}"
            )  # fmt: skip


def _of_drops(found: Survey) -> Iterator[Remark]:
    dropped = sum(group.count for group in found.drops)
    total = dropped + len(found.clips.ids)
    if not dropped:
        return
    worst = found.drops[0]
    level = "look" if dropped > MANY_DROPS * total else "fine"
    yield Remark(
        level, f"{dropped:,} of {total:,} were dropped ({100 * dropped / total:.1f} %), most often "
        f"({worst.count:,}) at the stage {worst.stage}: {worst.kind}"
    )  # fmt: skip


def _count(items: Sequence[str], noun: str) -> str:
    return f"{len(items):,} {noun}{'s' * (len(items) != 1)}"


def _comes(items: Sequence[str]) -> str:
    return "comes" if len(items) == 1 else "come"


def _move(items: Sequence[str]) -> str:
    return "moves" if len(items) == 1 else "move"


def _such(items: Sequence[str]) -> str:
    return f": {_and(items)}." if len(items) <= NAMED else f", such as {_and(items[:NAMED])}."


def _and(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
