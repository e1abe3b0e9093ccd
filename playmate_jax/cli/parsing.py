"""Parsing a command line: errors of one sentence, and the types of its numbers."""

import argparse
import re

from playmate_jax.errors import UserError, nearest


class Parser(argparse.ArgumentParser):
    """argparse, with errors as one sentence (`UserError`) instead of a page of usage."""

    def error(self, message: str):
        """Raises `UserError`, with the nearest known word where one is unknown."""
        near = ""
        if message.startswith("unrecognized arguments: "):
            known = [flag for action in self._actions for flag in action.option_strings]
            near = nearest(message.split()[2].partition("=")[0], known)
        elif choice := re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message):
            near = nearest(choice[1], choice[2].replace("'", "").split(", "))
        raise UserError(f"{message}{near}, see '{self.prog} --help'")

    def parse_known_args(self, args=None, namespace=None):
        """Raises `UserError` for what this command does not know: the parser above would suggest
        options of other commands."""
        values, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return values, unknown


class Help(argparse.RawDescriptionHelpFormatter):
    """Help with unwrapped descriptions, and options in two columns."""

    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=30, width=100)


def subcommand(commands, name: str, short: str, description: str, epilog: str):
    """Adds the parser of one command or action, with the options that all of them have."""
    found = commands.add_parser(
        name, help=short, description=description, epilog=epilog, formatter_class=Help,
        allow_abbrev=False,
    )  # fmt: skip
    found.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return found


def _number(text: str, kind: type, low: int, what: str):
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not low <= value < 1e9:
        raise argparse.ArgumentTypeError(f"expected {what}, found '{text}'")
    return value


def natural(text: str) -> int:
    """The type of options that are whole numbers from 0."""
    return _number(text, int, 0, "a whole number from 0 to 999999999")


def positive(text: str) -> int:
    """The type of options that are whole numbers from 1."""
    return _number(text, int, 1, "a whole number from 1 to 999999999")


def gain(text: str) -> float:
    """The type of options that are numbers from 0."""
    return _number(text, float, 0, "a number from 0")


def seconds(text: str) -> float:
    """The type of options that are lengths in seconds, above 0."""
    value = _number(text, float, 0, "a length in seconds above 0")
    if not value:
        raise argparse.ArgumentTypeError(f"expected a length in seconds above 0, found '{text}'")
    return value


def gaze(text: str) -> tuple[float, float]:
    """The type of the option X,Y: sideways and down, from -1 to 1."""
    parts = text.split(",")
    try:
        x, y = (float(part) for part in parts)
    except ValueError:
        x = y = 2.0
    if not (abs(x) <= 1 and abs(y) <= 1):  # of NaN neither is true
        raise argparse.ArgumentTypeError(f"expected X,Y, each from -1 to 1, found '{text}'")
    return x, y


def face_box(text: str) -> tuple[int, int, int]:
    """The type of the option X,Y,SIZE: left, top and side of a square, in pixels."""
    parts = text.split(",")
    if len(parts) != 3:
        raise argparse.ArgumentTypeError(
            f"expected X,Y,SIZE (left, top and side of a square, in pixels), found '{text}'"
        )
    left, top, size = parts
    return natural(left.strip()), natural(top.strip()), positive(size.strip())
