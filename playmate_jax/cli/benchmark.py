"""`playmate benchmark`: our programs timed, `train` beside those of others."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from playmate_jax.cli.train import overridden
from playmate_jax.errors import UserError
from playmate_jax.paths import check_names

if TYPE_CHECKING:
    from playmate_jax.benchmark.recorded import Recorded
    from playmate_jax.benchmark.report import Comparison


def train(args: argparse.Namespace) -> int:
    """Times the training step; prints the table and writes what else was asked for."""
    if args.compile and not args.against:
        raise UserError("expected --against torch with --compile, found none: add it")
    if args.check and not args.against:
        raise UserError(
            "expected --against torch with --check, found none, and no ratio without it: add it"
        )
    if args.check and args.set:
        raise UserError(
            "expected --check or --set, found both: ratios are recorded of the paper's size, leave "
            "one of them out"
        )
    for file in filter(None, (args.json, args.plot)):
        _check_output(Path(file))
    # Two systems share one GPU: JAX must not take nearly all of its memory at its start.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    try:
        from playmate_jax.benchmark.plot import svg
        from playmate_jax.benchmark.report import write_text
        from playmate_jax.benchmark.train import compare, sides_of
        from playmate_jax.benchmark.train_sides import TrainSetup
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("playmate_jax"):
            raise
        raise UserError(
            f"expected the packages for training, found no '{error.name}': "
            "pip install 'playmate-jax[train]'"
        ) from None

    from playmate_jax.benchmark import recorded

    before = recorded.read_ratios(args.check) if args.check else None
    setup = TrainSetup(
        args.stage, args.batch, args.precision, args.parallel, tuple(overridden(args.set).items())
    )
    if before is not None:  # not after minutes of measuring
        recorded.known(before, setup.title)
    found = compare(setup, sides_of(args.against, args.compile), args.rounds)
    print(found.table())
    if args.json:
        write_text(args.json, found.to_json())
    if args.plot:
        write_text(args.plot, svg(found))
    return _checked(found, before) if before is not None else 0


def _checked(found: "Comparison", before: "Recorded") -> int:
    """Says what has fallen; 1 where something has."""
    from playmate_jax.benchmark import recorded

    ratios = {row["side"]: row["ratio"] for row in found.figures()}
    cpu, cpus = found.machine["cpu"], found.machine["cpus"]
    text = recorded.verdict(before, found.title, ratios, cpu, cpus)
    fell = bool(recorded.fallen(before, found.title, ratios))
    print("\n".join(f"playmate: {line}" for line in text.splitlines()), file=sys.stderr)
    return int(fell)


def stream(args: argparse.Namespace) -> int:
    """Times a live portrait; prints the table and writes what else was asked for."""
    from playmate_jax.media.container import check_readable

    if args.json:
        _check_output(Path(args.json))
    for file, what in ((args.portrait, "a portrait"), (args.speech, "speech")):
        if file is not None:
            check_readable(file, what)
    import json

    from playmate_jax.benchmark import stream as measured
    from playmate_jax.inference.animator import Animator
    from playmate_jax.inference.streaming import BUNDLED_SPEECH

    animator = Animator.from_weights(args.weights, args.generator)
    found = measured.measure(
        animator, args.portrait or measured.PORTRAIT, args.speech or BUNDLED_SPEECH, args.live,
        hop=args.hop, lookahead=args.lookahead, steps=args.steps,
    )  # fmt: skip
    print(measured.table(found))
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return 0


def _check_output(path: Path) -> None:
    """Before minutes of measuring: that the file can be written."""
    check_names(path)
    if path.is_dir():
        raise UserError(f"expected a file to write, found the folder {path}: name a file in it")
