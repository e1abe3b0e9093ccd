"""`playmate data report | check`: a page about a prepared folder, and its verification."""

import argparse

from playmate_jax.cli.progress import ProgressBar
from playmate_jax.errors import UserError


def report(args: argparse.Namespace) -> int:
    """Writes the page about a prepared folder and prints its path."""
    try:
        from playmate_jax.data.report import write_report

        print(write_report(args.folder, args.output, _progress(args)))
    except ModuleNotFoundError as error:
        raise _extra(error) from None
    return 0


def check(args: argparse.Namespace) -> int:
    """Verifies a prepared folder; raises `UserError` with a line for every problem."""
    try:
        from playmate_jax.data.check import check_folder

        found = check_folder(args.folder, _progress(args))
    except ModuleNotFoundError as error:
        raise _extra(error) from None
    if found.problems:
        lines = [f"! {problem}" for problem in found.problems]
        count = f"{len(lines):,} thing{'s' * (len(lines) > 1)}"
        raise UserError(f"expected a whole data set, found {count} wrong:\n" + "\n".join(lines))
    print(found.summary)
    return 0


def _progress(args: argparse.Namespace):
    if args.quiet:
        return lambda phase, done, total: None
    files, records = ProgressBar(unit="files"), ProgressBar(unit="records")
    return lambda phase, *counts: (files if phase == "checksums" else records)(phase, *counts)


def _extra(error: ModuleNotFoundError) -> Exception:
    """The error to raise: what to install, or the error itself if a module of ours is missing."""
    if (error.name or "").startswith("playmate_jax"):
        return error
    return UserError(
        f"prepared folders need {error.name}, which is not installed: "
        "pip install 'playmate-jax[prepare]'"
    )
