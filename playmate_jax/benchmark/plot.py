"""A comparison as an SVG of bars: the time of one call of each side, and every turn as a dot."""

from html import escape

from playmate_jax.benchmark.report import Comparison, place_of

WIDTH, LEFT, RIGHT, ROW, TOP, BOTTOM = 760, 150, 170, 46, 62, 40
STYLE = """
  svg { background: #fff; font: 13px system-ui, sans-serif; }
  .title { font-size: 16px; font-weight: 600; } .soft { fill: #5b6570; } text { fill: #1c2126; }
  .ours { fill: #0072b2; } .other { fill: #b4bcc4; } .turn { fill: #1c2126; fill-opacity: .45; }
  @media (prefers-color-scheme: dark) {
    svg { background: #14181c; } text { fill: #e8ebee; } .soft { fill: #9aa5b0; }
    .ours { fill: #56b4e9; } .other { fill: #626c76; } .turn { fill: #e8ebee; fill-opacity: .55; }
  }
"""


def svg(comparison: Comparison) -> str:
    """The picture as text; light or dark as the viewer is set."""
    rows = comparison.figures()
    longest = max(seconds for row in rows for order in row["seconds"] for seconds in order)
    scale = (WIDTH - LEFT - RIGHT) / longest
    height = TOP + ROW * len(rows) + BOTTOM
    where = place_of(comparison.machine)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img">',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="16" y="26">{escape(comparison.title)}</text>',
        f'<text class="soft" x="16" y="46">{escape(where)}</text>',
    ]
    for n, row in enumerate(rows):
        y = TOP + ROW * n
        middle, bar = y + ROW / 2, row["step_s"] * scale
        kind = "other" if n else "ours"
        text = f"{_time(row['step_s'])}" + (f", ratio {row['ratio']:.2f}" if n else "")
        furthest = max(seconds for order in row["seconds"] for seconds in order) * scale
        parts += [
            f'<text x="{LEFT - 10}" y="{middle + 4:.1f}" text-anchor="end">'
            f"{escape(row['side'])}</text>",
            f'<rect class="{kind}" x="{LEFT}" y="{y + 8}" width="{bar:.1f}" height="{ROW - 16}"/>',
            f'<text x="{LEFT + max(bar, furthest) + 10:.1f}" y="{middle + 4:.1f}">{text}</text>',
        ]
        parts += [
            f'<circle class="turn" cx="{LEFT + seconds * scale:.1f}" cy="{middle:.1f}" r="3"/>'
            for order in row["seconds"]
            for seconds in order
        ]
    parts += [
        f'<text class="soft" x="16" y="{height - 14}">Median time of a step; a dot is a turn. '
        "Ratio: time over ours, above 1 ours is faster.</text>",
        "</svg>\n",
    ]
    return "\n".join(parts)


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1e3 * seconds:.1f} ms"
