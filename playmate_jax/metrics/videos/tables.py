"""The figures as tables: the paper's Table 1 with its own rows beside, and everything else."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from playmate_jax.metrics.videos.pairs import REFERENCE
from playmate_jax.metrics.videos.scores import (
    HIGHER,
    LOWER,
    METRICS,
    PAPER,
    TABLE_1,
    Column,
    columns_of,
)

ARROWS = {LOWER: " ↓", HIGHER: " ↑", "": ""}
NOTHING = "-"  # what was not measured
COLUMNS = {column.key: column for column in columns_of(METRICS)}


class Table(NamedTuple):
    """Words in rows; the first words of a row name it."""

    title: str
    columns: list[str]
    rows: list[list[str]]


def tables(found: Mapping[str, Any]) -> list[Table]:
    """The tables of a report, those without a number left out."""
    measured = [key for key in COLUMNS if any(key in s["scores"] for s in _all(found).values())]
    result = []
    if set(measured) & set(TABLE_1):
        result.append(_table_1(found))
    others = [COLUMNS[key] for key in measured if key not in TABLE_1]
    for title, columns in (
        ("Against the reference, frame by frame", [c for c in others if c.pair]),
        ("Motion and speech", [c for c in others if c.group and not c.pair]),
        ("Other numbers of the whole set", [c for c in others if not c.group]),
    ):
        if columns:
            result.append(_plain(title, columns, found))
    return result


def text(value: float, digits: int = 3) -> str:
    """A number for readers; what is not known is a hyphen."""
    if math.isnan(value):
        return NOTHING
    return "inf" if math.isinf(value) else f"{value:.{digits}f}"


def with_bounds(score: Mapping[str, float] | None, digits: int = 3) -> str:
    """A number with its 95 % interval over clips, where there is one."""
    if score is None or math.isnan(score["value"]):
        return NOTHING
    value = text(score["value"], digits)
    if math.isnan(score["low"]) or math.isinf(score["low"]) or score["clips"] < 2:  # noqa: PLR2004
        return value
    return f"{value} [{text(score['low'], digits)}, {text(score['high'], digits)}]"


def markdown(table: Table) -> str:
    """A table as Markdown, its columns not aligned."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in table.rows]
    lines = [table.columns, ["---"] * len(table.columns), *escaped]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain(table: Table) -> str:
    """A table as text for a terminal, columns of one width each."""
    rows = [table.columns, *table.rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.columns))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([table.title, *(f"  {line}" for line in lines)])


def _all(found: Mapping[str, Any]) -> dict[str, Any]:
    return {**found["systems"], REFERENCE: found["of_reference"]}


def _header(columns: Sequence[Column]) -> list[str]:
    return [column.title + ARROWS[column.better] for column in columns]


def _table_1(found: Mapping[str, Any]) -> Table:
    columns = [COLUMNS[key] for key in TABLE_1]
    rows = [
        [f"{dataset} (paper)", name, *(text(value) for value in values)]
        for dataset, systems in PAPER.items()
        for name, values in systems.items()
    ]
    for name, one in _all(found).items():
        scores = [with_bounds(one["scores"].get(c.key), c.digits) for c in columns]
        rows.append([f"{found['reference']} (here)", name, *scores])
    return Table("The paper's Table 1", ["Dataset", "Method", *_header(columns)], rows)


def _plain(title: str, columns: list[Column], found: Mapping[str, Any]) -> Table:
    rows = [
        [name, *(with_bounds(one["scores"].get(c.key), c.digits) for c in columns)]
        for name, one in _all(found).items()
        if any(c.key in one["scores"] for c in columns)
    ]
    return Table(title, ["Method", *_header(columns)], rows)
