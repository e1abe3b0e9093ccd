"""The part of the command line about prepared folders: `playmate data report | check`."""

import argparse

from playmate_jax.cli import data
from playmate_jax.cli.parsing import subcommand

SHORT = "look at prepared training data, and verify it"
DESCRIPTION = "Training data that 'playmate prepare' wrote: a page about it, and a check of it."
EXAMPLES = """\
examples:
  playmate data report data/mine            a page with faces, histograms and drops, to look at
  playmate data check data/mine             every byte and every record, before a long training
"""


def add(p: argparse.ArgumentParser) -> None:
    """Adds the actions to the parser of `playmate data`."""
    actions = p.add_subparsers(dest="action", required=True, metavar="ACTION", title="actions")
    for name, function, help in (
        ("report", data.report, "write a page about a prepared folder"),
        ("check", data.check, "verify the checksums and every record of a prepared folder"),
    ):
        found = subcommand(actions, name, help, help.capitalize() + ".", "")
        found.set_defaults(command=function)
        found.add_argument("folder", metavar="OUT", help="what 'playmate prepare' wrote")
        if name == "report":
            found.add_argument(
                "-o", "--output", metavar="FILE", help="the page (default OUT/report.html)"
            )
        found.add_argument("--quiet", action="store_true", help="no progress bar")
