"""The options of `playmate evaluate`, as a table: an action for each thing that is measured."""

import argparse

from playmate_jax.cli import evaluate
from playmate_jax.cli.parsing import positive, subcommand
from playmate_jax.data.records import SPLITS

SHORT = "measure trained weights, with a page to look at"
DESCRIPTION = "Measures trained weights on prepared data, and writes a report with contact sheets."
EXAMPLES = """\
examples:
  playmate evaluate face-space runs/face/weights data/mine --out report/
  playmate evaluate face-space liveportrait data/mine --out report/ --people 8 --json
"""
FACE_SPACE = """\
How well a renderer (F, M, W, G) redraws people that it has not seen, from its own reading of them:
self-reenactment, cross-identity sheets, leakage between head pose and expression (Eqs. 2 and 3),
and how much of the expression can be read from M's delta. Synthetic people ('playmate prepare
drawn') are measured against their truth. Writes report.json, sheets and report.html.
"""


def add(p: argparse.ArgumentParser) -> None:
    """Adds the actions to the parser of `playmate evaluate`."""
    actions = p.add_subparsers(dest="action", required=True, metavar="ACTION", title="actions")
    found = subcommand(actions, "face-space", "evaluate a renderer", FACE_SPACE, "")
    found.set_defaults(command=evaluate.face_space)
    found.add_argument(
        "weights", metavar="WEIGHTS", help="a renderer's folder, or shipped or fetched weights"
    )
    found.add_argument("data", metavar="DATA", help="a prepared folder with images")
    found.add_argument(
        "--out", required=True, metavar="DIR", help="the report; an earlier one is replaced"
    )
    found.add_argument(
        "--people", type=positive, default=32, metavar="N", help="at most so many (default 32)"
    )
    found.add_argument(
        "--split", choices=(*SPLITS, "all"),
        help="which people (default: test, else validation, else train)",
    )  # fmt: skip
    found.add_argument("--json", action="store_true", help="print the report as JSON, no tables")
    found.add_argument("--quiet", action="store_true", help="no progress bar")
