"""Draws a training run: its loss and that of held-out clips over steps, as an SVG.

    python benchmarks/learning_curve.py runs/stage1 curve.svg --title "paper_stage1, an hour"

It reads the metrics.jsonl in the workdir of the run.
"""

import argparse
import math
import os
from html import escape
from pathlib import Path

from playmate_jax.benchmark.plot import STYLE
from playmate_jax.training.run_log import rows_of

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 360, 60, 30, 62, 48


def ticks(largest: float) -> list[float]:
    """Round numbers from 0 to about the largest, at most seven."""
    size = 10 ** math.floor(math.log10(largest))
    step = next(size * part for part in (0.1, 0.2, 0.5, 1, 2) if largest < 6.5 * size * part)
    return [step * n for n in range(math.floor(largest / step + 0.05) + 1)]


def points(rows: list[dict], name: str) -> list[tuple[float, float]]:
    """(step, value) of every row that has the metric."""
    return [(row["step"], row[name]) for row in rows if name in row]


def svg(curves: dict[str, list[tuple[float, float]]], title: str, under: str) -> str:
    """The curves as a picture, the last one in the strong colour; light or dark as the viewer."""
    last_step = max(step for curve in curves.values() for step, _ in curve)
    highest = max(value for curve in curves.values() for _, value in curve)
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def at(step: float, value: float) -> tuple[float, float]:
        return LEFT + wide * step / last_step, TOP + high * (1 - value / highest)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img">',
        f"<style>{STYLE} polyline {{ fill: none; stroke-width: 2; }} .ours {{ stroke: #0072b2; }} "
        ".other { stroke: #b4bcc4; } .axis { stroke: #5b6570; stroke-opacity: .3; }</style>",
        f'<text class="title" x="16" y="26">{escape(title)}</text>',
        f'<text class="soft" x="16" y="46">{escape(under)}</text>',
    ]
    for value in ticks(highest):
        _, y = at(0, value)
        parts += [
            f'<line class="axis" x1="{LEFT}" x2="{LEFT + wide}" y1="{y:.1f}" y2="{y:.1f}"/>',
            f'<text class="soft" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>',
        ]
    for step in ticks(last_step):
        x, _ = at(step, 0)
        parts.append(
            f'<text class="soft" x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">'
            f"{step:g}</text>"
        )
    for n, (name, curve) in enumerate(curves.items()):
        kind = "ours" if n == len(curves) - 1 else "other"
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in curve))
        label = f"{name} {curve[-1][1]:.3f}"
        parts += [
            f'<polyline class="{kind}" style="fill: none" points="{line}"/>',
            f'<text class="name" x="{LEFT + 200 + n * 150}" y="{TOP + 24}">{escape(label)}</text>',
            f'<line class="{kind}" stroke-width="2" x1="{LEFT + 200 + n * 150}" '
            f'x2="{LEFT + 310 + n * 150}" y1="{TOP + 32}" y2="{TOP + 32}"/>',
        ]
    parts += [f'<text class="soft" x="{LEFT}" y="{HEIGHT - 8}">step</text>', "</svg>\n"]
    return "\n".join(parts)


def main() -> None:
    """Reads the metrics of the run and writes the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="the run's workdir, which has metrics.jsonl")
    parser.add_argument("out", type=Path, help="the SVG to write")
    parser.add_argument("--title", default="", help="default: the workdir's name")
    options = parser.parse_args()
    rows = rows_of(options.run / "metrics.jsonl")
    curves = {"training": points(rows, "loss"), "held out": points(rows, "held_out/loss")}
    curves = {name: curve for name, curve in curves.items() if curve}
    if not curves:
        parser.exit(2, f"expected losses in {options.run}/metrics.jsonl, found none: train first\n")
    minutes = rows[-1].get("seconds", {}).get("all", 0) / 60
    under = f"loss over {rows[-1]['step']} steps" + (f", {minutes:.0f} min" if minutes else "")
    part = options.out.with_name(options.out.name + ".part")
    part.write_text(svg(curves, options.title or options.run.name, under))
    os.replace(part, options.out)


if __name__ == "__main__":
    main()
