"""`playmate prepare NAME ROOT --out OUT`: from videos to a data set, resumable."""

import argparse
import collections
import os
import shlex
import sys
from typing import TYPE_CHECKING, Any

from playmate_jax.cli.prepare_arguments import DRAWN, check, reader_options
from playmate_jax.errors import UserError

if TYPE_CHECKING:
    from playmate_jax.prepare.plan import Task
    from playmate_jax.prepare.preparation import Prepared, Progress
    from playmate_jax.prepare.source import Listing

_REASONS = 8  # of drops, the most frequent ones
_OFTEN_S = 60  # a line of progress, where there is no terminal


def command(args: argparse.Namespace) -> int:
    """Runs `playmate prepare`; returns its exit code."""
    check(args)
    config, listing = _asked(args)
    from playmate_jax.prepare.plan import in_order, plan

    if args.limit:
        listing.sources[:] = in_order(listing.sources)[: args.limit]
    planned = plan(listing.sources, args.shards)
    if args.dry_run:
        _tell_plan(args, config, listing, planned)
        return 0
    try:
        prepared = _prepare(args, config, listing, planned)
    except (KeyboardInterrupt, SystemExit):
        print("finished shards stay; the same command goes on from there", file=sys.stderr)
        raise
    _tell(args.out, _kinds(args), prepared)
    return 0


def _asked(args: argparse.Namespace) -> tuple[Any, "Listing"]:
    """The settings and the sources."""
    from playmate_jax.cli.train import overridden
    from playmate_jax.configuration import with_overrides
    from playmate_jax.prepare.config import PrepareConfig
    from playmate_jax.prepare.synthetic import SyntheticConfig

    drawn = args.data_set == DRAWN
    fields = {"image_size": args.size}
    for name in ("identities", "hours", "seed") if drawn else ("motion_weights", "speech"):
        fields[name] = getattr(args, name)
    config: Any = SyntheticConfig() if drawn else PrepareConfig()
    given = {name: value for name, value in fields.items() if value is not None}
    config = with_overrides(config, given | overridden(args.set))
    if drawn:
        return config, config.sources()
    from playmate_jax.prepare.readers import read

    options = {name: getattr(args, name) for name in reader_options()}
    return config, read(args.data_set, args.root, split=args.split, **options)


def _kinds(args: argparse.Namespace) -> tuple[str, ...]:
    return ("drawn_faces",) if args.data_set == DRAWN else ("talking_clips", "portrait_pairs")


def _prepare(
    args: argparse.Namespace, config: Any, listing: "Listing", planned: "list[Task]"
) -> "Prepared":
    _set_logging(quiet=args.runner == "local" and not args.debug)
    try:
        import array_record  # noqa: F401
        import tensorflow_datasets  # noqa: F401

        from playmate_jax.prepare import pipeline, preparation
    except ModuleNotFoundError as error:
        raise UserError(
            f"expected the packages for preparing data, found no '{error.name}': "
            "pip install 'playmate-jax[prepare]'"
        ) from None
    from playmate_jax.cli.progress import ProgressBar
    from playmate_jax.configuration import to_values
    from playmate_jax.prepare.ledger import versions
    from playmate_jax.prepare.plan import digest
    from playmate_jax.prepare.tasks import Job

    local = args.runner == pipeline.LOCAL
    job = Job(
        args.out, config, _kinds(args), config.speech_size, config.image_size,
        args.workers or (_cores() if local else 1),
    )  # fmt: skip
    build_spec = {
        "data_set": args.data_set,
        "settings": to_values(config),
        "sources": {"count": len(listing.sources), "sha256": digest(listing.sources)},
        "shards": dict(collections.Counter(task.split for task in planned)),
        "versions": versions(),
    }
    bar = None if args.quiet else ProgressBar(often_s=_OFTEN_S)
    finished = False

    def progress(now: "Progress") -> None:
        nonlocal finished
        if bar is None or finished:
            return
        bar.unit, finished = now.unit, now.done >= now.total
        bar("prepare", now.done, now.total, now.before, now.note)

    try:
        return preparation.prepare(
            job, listing, planned, build_spec, args.runner, args.beam, progress
        )
    finally:
        if bar is not None:
            bar.close()


def _set_logging(quiet: bool) -> None:
    """Keeps Beam's remarks and tracebacks away, or shows them: a cluster's are all there is."""
    import logging

    if quiet:
        logging.getLogger().addHandler(logging.NullHandler())
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL + 1)
    else:
        logging.basicConfig(level=logging.INFO)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _tell_plan(
    args: argparse.Namespace, config: Any, listing: "Listing", planned: "list[Task]"
) -> None:
    from playmate_jax.configuration import to_values

    print(f"{args.data_set}: {_count(len(listing.sources), 'source')}, into {args.out}")
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
    for kind in _kinds(args):
        print(f"would write {kind}")
    print("settings, of which --set changes any:")
    for name, value in _flat(to_values(config)):
        print(f"  {name}={value}")
    if listing.dropped:
        print("not usable:")
    for dropped in listing.dropped:
        print(f"  {dropped.reason}")


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Settings by dotted name."""
    found = []
    for name, value in values.items():
        table = isinstance(value, dict)
        found += _flat(value, f"{prefix}{name}.") if table else [(prefix + name, value)]
    return found


def _tell(out: str, kinds: tuple[str, ...], prepared: "Prepared") -> None:
    clips, dropped = prepared.clips, prepared.dropped
    reasons = _reasons(dropped)
    if not clips:
        first = f", most often because: {reasons[0][1]}" if reasons else ""
        raise UserError(
            f"expected clips to keep, found that all was dropped{first}; {out}/dropped.jsonl tells "
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


def _reasons(dropped: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """How often what was dropped for, falling; reasons that differ in numbers alone are one."""
    import re

    groups: dict[str, list[str]] = {}
    for line in dropped:
        reason = f"{line['stage']}: {line['reason']}"
        groups.setdefault(re.sub(r"'[^']*'|[\d.,]+", "#", reason), []).append(reason)
    found = [(len(group), group[0]) for group in groups.values()]
    return sorted(found, key=lambda row: -row[0])


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
