"""The command line: its commands, whose options are in a module each (`*_arguments.py`)."""

import argparse

import playmate_jax
from playmate_jax.cli import (
    animate_arguments,
    batch_arguments,
    benchmark_arguments,
    convert_arguments,
    data_arguments,
    evaluate_arguments,
    export_arguments,
    prepare_arguments,
    serve_arguments,
    train_arguments,
    warmup_arguments,
    weights_arguments,
)
from playmate_jax.cli.parsing import Help, Parser, gain, natural, positive, subcommand

COMMANDS = {
    "animate": animate_arguments,
    "batch": batch_arguments,
    "serve": serve_arguments,
    "warmup": warmup_arguments,
    "train": train_arguments,
    "convert": convert_arguments,
    "export": export_arguments,
    "prepare": prepare_arguments,
    "data": data_arguments,
    "evaluate": evaluate_arguments,
    "weights": weights_arguments,
    "benchmark": benchmark_arguments,
}


def parse(argv: list[str]) -> argparse.Namespace:
    """The values of a command line's options; those for Apache Beam are in `beam`.

    Raises:
      UserError: an unknown command, option or value; suggests the nearest one.
    """
    argv, beam = prepare_arguments.split_beam(evaluate_arguments.with_action(argv))
    args = parser().parse_args(argv)
    return argparse.Namespace(**vars(args) | ({"beam": beam} if beam else {}))


def parser() -> argparse.ArgumentParser:
    """The parser of `playmate` with all of its commands."""
    top = Parser(
        prog="playmate", formatter_class=Help, allow_abbrev=False,
        description="One portrait and a speech clip become a talking video.",
        epilog="'playmate COMMAND --help' explains a command, as in 'playmate animate --help'.",
    )  # fmt: skip
    top.add_argument("--version", action="version", version=f"playmate {playmate_jax.__version__}")
    commands = top.add_subparsers(dest="name", required=True, metavar="COMMAND", title="commands")
    for name, table in COMMANDS.items():
        made = subcommand(commands, name, table.SHORT, table.DESCRIPTION, table.EXAMPLES)
        if table is prepare_arguments:
            table.add(made, positive, natural, gain)
        else:
            table.add(made)
    return top
