"""The options of `playmate train`, as a table."""

import argparse

from playmate_jax.cli.parsing import positive
from playmate_jax.cli.train import command

SHORT = "run one training stage from a file in configs/"
DESCRIPTION = """\
Runs one training stage from a configuration file, or resumes it. All devices of this machine are
used; launch/ starts one job on several processes or machines.
"""
EXAMPLES = """\
examples:
  playmate train configs/demo_stage1.py --workdir runs/stage1 --steps 2000
  playmate train configs/paper_stage1.py --workdir runs/s1 --set clips=data/mine --dry-run
  playmate train configs/paper_stage1.py --workdir runs/s1 --fsdp 8 --profile 20:25
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

    g = p.add_argument_group("devices", "none of these changes what is computed")
    g.add_argument(
        "--parallel", choices=("mesh", "pmap"), default="mesh",
        help="mesh: jax.jit over all devices (default); pmap: jax.pmap",
    )  # fmt: skip
    g.add_argument(
        "--fsdp", type=positive, default=1, metavar="N",
        help="devices that share one copy of parameters and optimiser state (default 1: each has "
        "its own)",
    )  # fmt: skip
    g.add_argument(
        "--accumulate", type=positive, default=1, metavar="N",
        help="microbatches that a batch is processed in, for less memory (default 1)",
    )  # fmt: skip

    g = p.add_argument_group("looking inside")
    what = g.add_mutually_exclusive_group()
    what.add_argument(
        "--dry-run", action="store_true",
        help="print parameters, shardings, memory, FLOPs and compile time; train nothing",
    )  # fmt: skip
    what.add_argument(
        "--replay", action="store_true",
        help="run the step again that ended this run with numbers that are not finite, and name "
        "them",
    )  # fmt: skip
    g.add_argument(
        "--profile", type=steps, metavar="A:B",
        help="record steps A to B - 1 with JAX's profiler, into --workdir",
    )  # fmt: skip
    g.add_argument(
        "--wandb", metavar="PROJECT", help="also log to this project of Weights & Biases"
    )


def steps(text: str) -> tuple[int, int]:
    """Two step numbers "A:B", A < B."""
    first, colon, last = text.partition(":")
    if not colon or not first.isdecimal() or not last.isdecimal() or int(first) >= int(last):
        raise argparse.ArgumentTypeError(f"expected two steps such as 20:25, found '{text}'")
    return int(first), int(last)
