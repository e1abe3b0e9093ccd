"""`playmate benchmark`: our programs timed, `train` beside those of others."""

import argparse
import os
from pathlib import Path

from playmate_jax.cli.train import overridden
from playmate_jax.errors import UserError
from playmate_jax.paths import check_names


def train(args: argparse.Namespace) -> int:
    """Times the training step; prints the table and writes what else was asked for."""
    if args.compile and not args.against:
        raise UserError("expected --against torch with --compile, found none: add it")
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

    setup = TrainSetup(
        args.stage, args.batch, args.precision, args.parallel, tuple(overridden(args.set).items())
    )
    found = compare(setup, sides_of(args.against, args.compile), args.rounds)
    print(found.table())
    if args.json:
        write_text(args.json, found.to_json())
    if args.plot:
        write_text(args.plot, svg(found))
    return 0


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
