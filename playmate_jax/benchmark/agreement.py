"""Rows of a comparison between our numbers and those of independent implementations."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

REASONS: Mapping[str, str] = {
    "float64": "float64 on both sides",
    "float32": "float32 on both sides",
    "root": "theirs is the root of a matrix of rank 99 of 256, by Schur's form",
    "counts": "whole numbers",
    "grey": "grey levels; float32 sums of 16 weights",
    "rounded": "grey levels; theirs has coordinates in float32",
    "": "other convention",
}


class Row(NamedTuple):
    """One number of both sides.

    Attributes:
      ours, theirs: the number, or the largest of an array.
      difference: the largest, relative to theirs, except of grey levels, dB and counts.
      tolerance: infinite where another convention is shown.
      reason: a key of REASONS.
    """

    what: str
    against: str
    ours: float
    theirs: float
    difference: float
    tolerance: float
    reason: str


def relative(what: str, against: str, ours: Any, theirs: Any, tolerance: float, reason: str) -> Row:
    """A row of the largest difference over the largest of their numbers."""
    one, other = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if one.shape != other.shape:
        raise ValueError(f"{what}: {one.shape} here, {other.shape} in {against}")
    size = float(np.abs(other).max())
    off = float(np.abs(one - other).max()) / size
    return Row(what, against, float(np.abs(one).max()), size, off, tolerance, reason)


def absolute(what: str, against: str, ours: Any, theirs: Any, tolerance: float, reason: str) -> Row:
    """A row of the largest difference, in the unit of the numbers."""
    row = relative(what, against, ours, theirs, tolerance, reason)
    return row._replace(difference=row.difference * row.theirs)


def compare(checks: Sequence[Callable[[], Iterator[Row]]]) -> tuple[list[Row], dict[str, str]]:
    """The rows of all checks, and why others were left out, by their names."""
    rows: list[Row] = []
    left_out: dict[str, str] = {}
    for check in checks:
        name = check.__name__.replace("_", " ")
        try:
            rows += check()
        except ModuleNotFoundError as error:
            left_out[name] = f"'{error.name}' is not installed"
        except (ImportError, RuntimeError, OSError) as error:  # built for another torch
            left_out[name] = str(error).splitlines()[0]
    return rows, left_out


def markdown(rows: list[Row]) -> str:
    """The rows as a table."""
    lines = [
        "| metric | against | ours | theirs | difference | tolerance | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        tolerance = "-" if np.isinf(row.tolerance) else f"{row.tolerance:.0e}"
        if row.tolerance == 0:
            tolerance = "0"
        numbers = f"{row.ours:.6g} | {row.theirs:.6g} | {row.difference:.1e} | {tolerance}"
        mark = "" if row.difference <= row.tolerance else " **ABOVE**"
        lines.append(f"| {row.what} | {row.against} | {numbers} | {REASONS[row.reason]}{mark} |")
    return "\n".join(lines)
