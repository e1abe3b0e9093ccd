"""The options of `playmate batch`, as a table."""

import argparse

from playmate_jax.cli.batch import RESULTS, command
from playmate_jax.cli.batch_table import OPTIONS, SWITCHES
from playmate_jax.cli.parsing import positive

SHORT = "make many videos, a row of a table each"
DESCRIPTION = f"""\
Makes a video of every row of a CSV file, by networks that are loaded and compiled once. Columns:
portrait and speech or driving; output (a file name); and the options of 'playmate animate':
{", ".join(OPTIONS[:7])},
{", ".join(OPTIONS[7:])}; {", ".join(SWITCHES)} (yes or no).
Empty cells are left to their defaults; files are relative to the folder of the table.

The same command again goes on where it was stopped: rows whose video is there are left alone
unless they or their files have changed ({RESULTS} in the output folder tells). A row that fails is
told at the end, and tried again the next time.
"""
EXAMPLES = """\
examples:
  playmate batch jobs.csv --out videos
  playmate batch jobs.csv --out videos --weights liveportrait --generator joyvasa --json

  jobs.csv:   portrait,speech,emotion,seed
              faces/anna.jpg,hello.wav,happy=0.8,1
              faces/ben.jpg,hello.wav,"0:neutral,2.5:sad=0.6",2
"""


def add(p: argparse.ArgumentParser) -> None:
    """Adds the options to the parser of `playmate batch`."""
    p.set_defaults(command=command)
    p.add_argument("jobs", metavar="JOBS.csv", help="table of jobs, UTF-8, columns in line 1")
    p.add_argument("--out", required=True, metavar="DIR", help="folder of the videos")
    p.add_argument("--fresh", action="store_true", help="make again what is there already")
    p.add_argument(
        "--c2pa", nargs=2, metavar=("CERT", "KEY"), help="sign all videos, as of animate"
    )
    p.add_argument("--json", action="store_true", help="print all results as JSON")
    p.add_argument("--quiet", action="store_true", help="no progress bar")
    p.add_argument("--weights", default="demo", metavar="NAME|DIR", help="as of animate")
    p.add_argument("--generator", metavar="NAME|DIR", help="as of animate")
    p.add_argument(
        "--batch", type=positive, default=8, metavar="N", help="frames rendered at a time"
    )
    p.add_argument(
        "--renderer-form", choices=("auto", "plain", "folded"), default="auto", help="as of animate"
    )
    p.add_argument("--face-models", metavar="DIR", help="face models, for a machine offline")
