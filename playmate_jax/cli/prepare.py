"""`playmate prepare NAME ROOT --out OUT`: from videos to a data set, resumable."""

import argparse
import collections
import functools
import os
import sys
from typing import TYPE_CHECKING, Any

from playmate_jax.cli.prepare_summary import print_plan, print_result
from playmate_jax.errors import UserError
from playmate_jax.paths import check_names
from playmate_jax.prepare.readers import READERS

if TYPE_CHECKING:
    from playmate_jax.prepare.plan import Listing, Task
    from playmate_jax.prepare.preparation import Prepared, Progress
    from playmate_jax.prepare.tasks import Job

DRAWN = "drawn"  # the name of the data set of synthetic people
_OFTEN_S = 60  # between lines of progress where there is no terminal


def command(args: argparse.Namespace) -> int:
    """Runs `playmate prepare` and prints its result; returns the exit code."""
    check(args)
    config, listing = _asked(args)
    from playmate_jax.prepare.plan import in_order, plan

    if args.limit:
        listing.sources[:] = in_order(listing.sources)[: args.limit]
    planned = plan(listing.sources, args.shards)
    if args.dry_run:
        print_plan(args.data_set, args.out, _kinds(args), config, listing, planned)
        return 0
    try:
        prepared = _prepare(args, config, listing, planned)
    except (KeyboardInterrupt, SystemExit):
        print("finished shards stay; the same command goes on from there", file=sys.stderr)
        raise
    print_result(args.out, _kinds(args), prepared)
    return 0


def reader_options() -> dict[str, tuple[list[str], str]]:
    """Options of all readers: name -> the data sets that have it, and its help."""
    found: dict[str, tuple[list[str], str]] = {}
    for name, reader in READERS.items():
        for option, text in reader.options.items():
            found.setdefault(option, ([], text))[0].append(name)
    return found


def check(args: argparse.Namespace) -> None:
    """Checks which options were given together, which argparse cannot.

    Raises:
      UserError: options that belong to another data set, or a missing one.
    """
    if not args.out:
        raise UserError("expected --out OUT, found none: name a new folder for the data set")
    if "://" not in args.out:
        check_names(args.out)
    if args.data_set == DRAWN:
        wrong = ["root", "split", "motion_weights", "speech", *reader_options()]
    else:
        wrong = ["identities", "hours", "seed"]
        wrong += [o for o, (names, _) in reader_options().items() if args.data_set not in names]
        if args.root is None:
            raise UserError(
                f"expected the folder of {args.data_set}, found none: "
                f"playmate prepare {args.data_set} ROOT --out {args.out}"
            )
    for name in wrong:
        if getattr(args, name) is not None:
            option = "a folder" if name == "root" else f"--{name.replace('_', '-')}"
            raise UserError(
                f"expected options of '{args.data_set}', found {option}, which it does not take: "
                "leave it out"
            )


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


def _job(args: argparse.Namespace, config: Any) -> "Job":
    from playmate_jax.prepare.config import PrepareConfig
    from playmate_jax.prepare.tasks import Job

    if isinstance(config, PrepareConfig):
        from playmate_jax.prepare.clips import load_maker

        load = functools.partial(load_maker, config)
    else:
        load = config.maker  # synthetic people need no models
    workers = args.workers or (_cores() if args.runner == "local" else 1)
    return Job(args.out, load, _kinds(args), config.speech_size, config.image_size, workers)


def _prepare(
    args: argparse.Namespace, config: Any, listing: "Listing", planned: "list[Task]"
) -> "Prepared":
    _set_logging(quiet=args.runner == "local" and not args.debug)
    try:
        import array_record  # noqa: F401
        import tensorflow_datasets  # noqa: F401

        from playmate_jax.prepare import preparation
    except ModuleNotFoundError as error:
        raise UserError(
            f"expected the packages for preparing data, found no '{error.name}': "
            "pip install 'playmate-jax[prepare]'"
        ) from None
    from playmate_jax.cli.progress import ProgressBar
    from playmate_jax.configuration import to_values
    from playmate_jax.prepare.ledger import versions
    from playmate_jax.prepare.plan import digest

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
            _job(args, config), listing, planned, build_spec, args.runner, args.beam, progress
        )
    finally:
        if bar is not None:
            bar.close()


def _set_logging(quiet: bool) -> None:
    """Hides the log of Beam, or shows it: on a cluster nothing else is seen."""
    import logging

    if quiet:
        logging.getLogger().addHandler(logging.NullHandler())
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL + 1)
    else:
        logging.basicConfig(level=logging.INFO)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
