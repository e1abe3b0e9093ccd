"""A finished comparison as values, a table and JSON."""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from playmate_jax.benchmark.sides import median, ratios
from playmate_jax.paths import check_names, unfinished


@dataclasses.dataclass(frozen=True)
class Measured:
    """One side, measured.

    Attributes:
      seconds: of one call, by order and round.
      alone: what `alone.measure_alone` found: "compile_s", "warm_s", memory in MiB, counts; None
        where the machine does not tell.
    """

    name: str
    version: str
    seconds: list[list[float]]
    alone: Mapping[str, float | None]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Sides that did the same work.

    Attributes:
      title: what one call does, in words.
      work: the settings in plain values.
      machine: as `machine.machine` tells it, with the load before and after.
      sides: ours first.
      frames, flops: of one call, for each side alike.
      peak: matrix FLOP/s of the devices; measured, and by datasheet where it is known.
      flops_by_part: what `flops` is the sum of.
    """

    title: str
    work: Mapping[str, Any]
    machine: Mapping[str, Any]
    sides: Sequence[Measured]
    frames: int
    flops: float
    peak: Mapping[str, float | None]
    flops_by_part: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def figures(self) -> list[dict[str, Any]]:
        """What the table shows of each side, by name."""
        found = ratios({side.name: side.seconds for side in self.sides}, self.sides[0].name)
        rows = []
        for side in self.sides:
            seconds = median(side.seconds)
            achieved, sheet = self.flops / seconds, self.peak.get("datasheet")
            *by_order, ratio = found[side.name]
            rows.append(
                {
                    "side": side.name,
                    "version": side.version,
                    "step_s": seconds,
                    "steps_per_s": 1 / seconds,
                    "frames_per_s": self.frames / seconds,
                    "tflops": achieved / 1e12,
                    "mfu": achieved / (self.peak["measured"] or 1),
                    "mfu_datasheet": achieved / sheet if sheet else None,
                    "ratio": ratio,
                    "ratio_by_order": by_order,
                    "seconds": side.seconds,
                    **side.alone,
                }
            )
        return rows

    def to_json(self) -> str:
        """All of it as JSON."""
        values = dataclasses.asdict(self) | {"sides": self.figures()}
        return json.dumps(values, indent=2) + "\n"

    def table(self) -> str:
        """Title, machine and a row for each side, for a terminal."""
        machine, measured = self.machine, self.peak["measured"] or 0.0
        before, after = machine["load"][0], machine["load_after"][0]
        versions = ", ".join(dict.fromkeys(side.version for side in self.sides))
        sheet = self.peak.get("datasheet")
        promised = f", datasheet {sheet / 1e12:,.0f}" if sheet else ""
        lines = [
            self.title,
            f"{place_of(machine)}; load {before} before and {after} after; {versions}",
            f"{self.flops / 1e9:,.1f} GFLOP and {self.frames:,} frames a step; matrix rate "
            f"{measured / 1e12:,.3f} TFLOP/s measured{promised}",
            "",
        ]
        rows = [tuple(COLUMNS)]
        for figures in self.figures():
            rows.append(tuple(_cell(figures, *column) for column in COLUMNS.values()))
        busy = before > BUSY * machine["cpus"]
        return "\n".join([*lines, *_columns(rows), *(["", NO_MEASUREMENT] if busy else [])])


BUSY = 0.5  # of the CPUs, on average over the minute before
NO_MEASUREMENT = "The machine was busy before this began: it is no measurement, repeat it."
# Heading -> name of the figure, its format, its factor.
COLUMNS: dict[str, tuple[str, str, float]] = {
    "side": ("side", "", 1),
    "step ms": ("step_s", ",.1f", 1e3),
    "steps/s": ("steps_per_s", ",.2f", 1),
    "frames/s": ("frames_per_s", ",.0f", 1),
    "TFLOP/s": ("tflops", ",.3f", 1),
    "MFU %": ("mfu", ".1f", 100),
    "compile s": ("compile_s", ".1f", 1),
    "warm s": ("warm_s", ".1f", 1),
    "host MiB": ("host_peak_mib", ",.0f", 1),
    "device MiB": ("device_peak_mib", ",.0f", 1),
    "ratio": ("ratio", ".2f", 1),
}


def place_of(machine: Mapping[str, Any]) -> str:
    """Devices and processor in a few words."""
    devices = f"{machine['devices']} x {machine['device']}"
    return f"{devices}; {machine['cpu']}, {machine['cpus']} CPUs"


def write_text(path: str | Path, text: str) -> None:
    """Writes a file whole or not at all; what is there is replaced."""
    path = Path(path)
    check_names(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = unfinished(path)
    try:
        part.write_text(text, "utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _cell(figures: Mapping[str, Any], name: str, form: str, factor: float) -> str:
    value = figures.get(name)
    if value is None:
        return "-"
    return value if isinstance(value, str) else format(value * factor, form)


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines of text: names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.rjust(width) if n else text.ljust(width)
            for n, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
