"""The options of `playmate benchmark`, as a table: an action for each thing that is timed."""

import argparse

from playmate_jax.cli import benchmark
from playmate_jax.cli.parsing import gain, natural, positive, subcommand

SHORT = "time training beside PyTorch, and live portraits"
DESCRIPTION = """\
Times our programs, alone or, for training, beside the same work in PyTorch. All sides run in one
process and take turns, in both orders, with the same shapes, precision and allocator settings.
"""
EXAMPLES = """\
examples:
  playmate benchmark train --stage 1 --against torch
  playmate benchmark train --stage 1 --against torch --compile --json speed.json --plot speed.svg
  playmate benchmark train --stage 2 --batch 256 --precision bfloat16
  playmate benchmark train --stage 1 --against torch --check benchmarks/ratios.json
  playmate benchmark stream --live 600
"""
TRAIN = """\
Times a training step at full size: the step that 'playmate train' compiles, with dropout, optimiser
and EMA, on a batch of random windows. No data and no weights are needed.
"""
STREAM = """\
Times a live portrait: features, generation and drawing of each hop, the first frame, frames per
second, and with --live a run at the pace of a clock, with its lateness, drift and memory.
"""


def add(p: argparse.ArgumentParser) -> None:
    """Adds the actions to the parser of `playmate benchmark`."""
    actions = p.add_subparsers(dest="action", required=True, metavar="ACTION", title="actions")
    found = subcommand(actions, "train", "time a training step", TRAIN, "")
    found.set_defaults(command=benchmark.train)
    found.add_argument("--stage", type=int, choices=(1, 2), default=1, help="default 1")
    found.add_argument(
        "--against", choices=("torch",), default="",
        help="also time the PyTorch reference, in turns with ours",
    )  # fmt: skip
    found.add_argument("--compile", action="store_true", help="and the same under torch.compile")
    found.add_argument(
        "--batch", type=positive, default=8, metavar="N", help="windows in a step (default 8)"
    )
    found.add_argument(
        "--precision", choices=("float32", "bfloat16"), default="float32",
        help="of the computation; parameters stay float32 (default float32)",
    )  # fmt: skip
    found.add_argument(
        "--parallel", choices=("mesh", "pmap"), default="mesh",
        help="how we use several devices (default mesh)",
    )  # fmt: skip
    found.add_argument(
        "--rounds", type=positive, default=3, metavar="N",
        help="turns of each side in each order (default 3)",
    )  # fmt: skip
    found.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE",
        help="another size than the paper's, such as model.generator.layers=4",
    )  # fmt: skip
    found.add_argument("--json", metavar="FILE", help="write all figures to this file")
    found.add_argument("--plot", metavar="FILE", help="draw the times into this SVG")
    found.add_argument(
        "--check", metavar="FILE",
        help="fail (code 1) where a ratio fell below those recorded in FILE, less its tolerance: "
        "benchmarks/ratios.json",
    )  # fmt: skip
    _add_stream(subcommand(actions, "stream", "time a live portrait", STREAM, ""))


def _add_stream(p: argparse.ArgumentParser) -> None:
    p.set_defaults(command=benchmark.stream)
    p.add_argument("portrait", nargs="?", metavar="PORTRAIT", help="default: the bundled one")
    p.add_argument("speech", nargs="?", metavar="SPEECH", help="default: the bundled one")
    p.add_argument("--weights", default="demo", help="name, folder or hub id (default demo)")
    p.add_argument("--generator", help="motion generator, where WEIGHTS have none")
    p.add_argument("--hop", type=positive, default=5, metavar="N", help="frames (default 5)")
    p.add_argument("--lookahead", type=natural, default=5, metavar="N", help="frames (default 5)")
    p.add_argument("--steps", type=positive, metavar="N", help="of the sampler (default 8)")
    p.add_argument(
        "--live", type=gain, default=0.0, metavar="S", help="also S seconds by the clock"
    )
    p.add_argument("--json", metavar="FILE", help="write all figures to this file")
