"""The options of `playmate train`, as a table."""

import argparse

from playmate_jax.cli.parsing import positive
from playmate_jax.cli.train import command

SHORT = "run one training stage from a file in configs/"
DESCRIPTION = "Runs one training stage from a configuration file, or resumes it."
EXAMPLES = """\
example:
  playmate train configs/demo_stage1.py --workdir runs/stage1 --steps 2000
"""


def add(p: argparse.ArgumentParser) -> None:
    """Adds the options to the parser of `playmate train`."""
    p.set_defaults(command=command)
    p.add_argument("config", help="a Python file that defines config(), such as those in configs/")
    p.add_argument(
        "--workdir",
        required=True,
        metavar="DIR",
        help="checkpoints and logs; an existing one is resumed",
    )
    p.add_argument(
        "--steps", type=positive, metavar="N",
        help="length of the run; the learning rate's schedule is scaled to it",
    )  # fmt: skip
    p.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE",
        help="override a field of the configuration, such as optimizer.learning_rate=3e-4",
    )  # fmt: skip
    p.add_argument("--export", metavar="DIR", help="also copy the finished weights to this folder")
