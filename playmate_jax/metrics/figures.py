"""Output of figures: printed, written as JSON, and added to the card of the weights.

A metric's program measures nested dictionaries of numbers and hands them to `deliver`; its options
`--json` and `--card` come from `add_arguments`.
"""

import argparse
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playmate_jax.hub.weights import add_to_card

DIGITS = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say where figures go."""
    parser.add_argument("--json", type=Path, help="also write the figures into this file")
    parser.add_argument(
        "--card", action="store_true", help="also write them into the card of the weights"
    )


def deliver(figures: Mapping[str, Any], json_path: Path | None, weights: Path | None) -> None:
    """Writes figures to the files that are given; other fields of the card are kept.

    Args:
      figures: by the name of what was measured.
      json_path: a file for them alone, or None.
      weights: the directory in whose card they are kept, under "measured", or None.
    """
    if json_path is not None:
        json_path.write_text(json.dumps(rounded(figures), indent=1) + "\n", "utf-8")
    if weights is not None:
        card = json.loads((weights / "card.json").read_text("utf-8"))
        add_to_card(weights, {"measured": card.get("measured", {}) | rounded(figures)})


def rounded(figures: Any) -> Any:
    """Figures to four digits, for people to read; what could not be measured (NaN) is None."""
    if isinstance(figures, Mapping):
        return {key: rounded(value) for key, value in figures.items()}
    if isinstance(figures, list):
        return [rounded(value) for value in figures]
    if isinstance(figures, float):
        return float(f"{figures:.{DIGITS}g}") if math.isfinite(figures) else None
    return figures


def show(name: str, value: Any, depth: int = 0) -> None:
    """One line a figure, groups indented."""
    if isinstance(value, Mapping):
        print("  " * depth + name)
        for key, inner in value.items():
            show(key, inner, depth + 1)
    else:
        text = f"{value:.3f}" if isinstance(value, float) else str(value)
        print("  " * depth + f"{name:28s} {text}", flush=True)
