"""Plots as numbers for the page's template, which draws them as SVG, in hundredths of their box.

x runs to the right and y down, both 0 to 100; text stands beside the SVG as HTML, so that a plot
may be stretched to any width and its labels stay legible. Colours are names of classes of the
page's style sheet, which has light and dark colours.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

BINS = 36
# Classes of colours, and their part of a tooltip.
SAID = {"kept": "", "beyond": ", dropped beyond the threshold", "other": ", dropped otherwise"}


class Bar(NamedTuple):
    """A rectangle of a histogram, the class of its colour, and its tooltip."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    says: str


class Tick(NamedTuple):
    """A place on an axis, 0 to 100, and its label."""

    at: float
    text: str


@dataclasses.dataclass(frozen=True)
class Plot:
    """One small histogram, ready to be drawn.

    Attributes:
      title: the quantity on the horizontal axis, with its unit.
      bars: from left to right, stacked.
      ticks: of the horizontal axis.
      top: the count at the upper edge.
      noun: what the counts count.
      lines: vertical lines, such as thresholds.
      summary: a line of figures under it.
    """

    title: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    top: str
    noun: str
    lines: tuple[Tick, ...] = ()
    summary: str = ""


def number(value: float, step: float = 0.0) -> str:
    """A number as text, with thousands separators and the digits of `step`, or 3 figures."""
    if not math.isfinite(value):
        return str(value)
    if not step:
        step = 10.0 ** (math.floor(math.log10(abs(value))) - 2) if value else 1.0
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if digits > 6:
        return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")
    text = f"{value:,.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text.replace(",", "")) else "0"


def step_of(low: float, high: float, count: int = 5) -> float:
    """1, 2 or 5 times a power of ten: about `count` of them from `low` to `high`."""
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)


def axis(low: float, high: float, count: int = 5) -> tuple[float, float, tuple[Tick, ...]]:
    """An axis that holds `low` to `high` and begins and ends at round numbers."""
    if not high > low:
        margin = abs(low) * 0.1 or 1.0
        low, high = low - margin, high + margin
    step = step_of(low, high, count)
    low, high = math.floor(low / step + 1e-6) * step, math.ceil(high / step - 1e-6) * step
    marks = low + step * np.arange(round((high - low) / step) + 1)
    ticks = (Tick(round(100 * (m - low) / (high - low), 2), number(m, step)) for m in marks)
    return low, high, tuple(ticks)


def span(values: Iterable[np.ndarray], keep: Sequence[float] = ()) -> tuple[float, float]:
    """From the least to the most of all values, outliers left out, and at least over `keep`.

    An outlier is farther from the middle nine tenths than those are wide.
    """
    every = np.concatenate(list(values))
    every = every[np.isfinite(every)]
    if not every.size:
        return min(keep, default=0.0), max(keep, default=1.0)
    low, high = np.percentile(every, [5, 95])
    width = high - low
    usual = every[(every >= low - width) & (every <= high + width)]
    shown = np.concatenate([usual, np.asarray(keep, float)])
    return float(shown.min()), float(shown.max())


def histogram(
    title: str,
    series: Mapping[str, np.ndarray],
    limits: tuple[float, float] | None = None,
    thresholds: Sequence[float] = (),
    noun: str = "clips",
    bins: int = BINS,
) -> Plot:
    """A histogram of series stacked on each other; values beyond the axis are in the end bins.

    Args:
      series: values by the class of their colour; the first is at the bottom.
      limits: of the axis; None: `span` of the values and thresholds.
      noun: what a count counts.
    """
    finite = {name: values[np.isfinite(values)] for name, values in series.items()}
    low, high, ticks = axis(*(limits or span(finite.values(), thresholds)))
    edges = np.linspace(low, high, bins + 1)
    counts = {
        name: np.histogram(np.clip(values, low, high), edges)[0] for name, values in finite.items()
    }
    outside = sum(int(((values < low) | (values > high)).sum()) for values in finite.values())
    total = sum(counts.values(), np.zeros(bins, int))
    most = max(int(total.max()), 1)
    bars, below = [], np.zeros(bins, int)
    step = (high - low) / bins
    for name, heights in counts.items():
        for k in np.flatnonzero(heights):
            says = (
                f"{number(edges[k], step)} to {number(edges[k + 1], step)}: {heights[k]:,} {noun}"
            )
            upper = 100 - 100 * (below[k] + heights[k]) / most
            bars.append(
                Bar(
                    round(100 * k / bins, 3), round(float(upper), 2), round(100 / bins, 3),
                    round(float(100 * heights[k] / most), 2), name, says + SAID[name],
                )
            )  # fmt: skip
        below = below + heights
    lines = [Tick(round(100 * (at - low) / (high - low), 2), f"{at:g}") for at in thresholds]
    summary = summary_of(finite.values()) + f"; {outside:,} beyond the axis" * (outside > 0)
    unit = noun if most > 1 else noun.removesuffix("s")
    return Plot(title, tuple(bars), ticks, f"{most:,}", unit, tuple(lines), summary)


def summary_of(series: Iterable[np.ndarray]) -> str:
    """Median and middle nine tenths of all values."""
    values = np.concatenate(list(series))
    if not values.size:
        return "no values"
    low, middle, high = np.percentile(values, [5, 50, 95])
    return f"median {number(middle)}, 90 % from {number(low)} to {number(high)}"


def curve(values: np.ndarray, low: float, high: float, length: int) -> str:
    """The points of an SVG polyline: a value a frame, at the frame's middle of `length` frames."""
    x = 100 * (np.arange(len(values)) + 0.5) / length
    y = 100 - 100 * (np.clip(values, low, high) - low) / (high - low)
    return " ".join(f"{a:.2f},{b:.1f}" for a, b in zip(x, y) if math.isfinite(b))


def band(values: np.ndarray, length: int) -> str:
    """The points of an SVG polygon: values from 0 to 1 mirrored about the middle."""
    x = 100 * (np.arange(len(values)) + 0.5) / length
    half = 50 * np.clip(np.nan_to_num(values), 0, 1)
    upper = [f"{a:.2f},{50 - b:.1f}" for a, b in zip(x, half)]
    lower = [f"{a:.2f},{50 + b:.1f}" for a, b in zip(x, half)]
    return " ".join(upper + lower[::-1])
