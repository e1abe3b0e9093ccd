"""`playmate evaluate table2`: what the scales of guidance do, on held-out synthetic speakers."""

import argparse
import json
from pathlib import Path

from playmate_jax.cli.progress import ProgressBar


def table2(args: argparse.Namespace) -> int:
    """Generates motion at every pair of scales, measures it and prints the table."""
    from playmate_jax.benchmark.machine import machine
    from playmate_jax.benchmark.report import write_text
    from playmate_jax.errors import UserError
    from playmate_jax.hub.bundles import find_parts
    from playmate_jax.inference.generate import load_motion_model
    from playmate_jax.metrics.guidance_sweep import guidance_sweep, table
    from playmate_jax.metrics.videos.tables import Table, markdown, plain
    from playmate_jax.parallel.compilation import keep_compiled_programs

    keep_compiled_programs()
    parts = find_parts(args.weights)
    if "generator" not in parts:
        raise UserError(
            f"expected weights with a generator, found none in '{args.weights}': give a "
            "folder with renderer/ and generator/"
        )
    bar = None if args.quiet else ProgressBar(unit="settings")
    try:
        model = load_motion_model(parts["generator"])
        rows = guidance_sweep(model, args.clips, bar or (lambda phase, done, total: None))
    finally:
        if bar is not None:
            bar.close()
    heading, *lines = table(rows)
    shown = Table(f"Guidance (Eq. 8), {args.clips} held-out synthetic clips a row", heading, lines)
    found = {"weights": model.card.get("name", args.weights), "machine": machine(), "rows": rows}
    if args.out:
        folder = Path(args.out)
        write_text(folder / "table2.json", json.dumps(found, indent=1) + "\n")
        write_text(folder / "table2.md", f"{shown.title}\n\n{markdown(shown)}\n")
    print(json.dumps(found, indent=1) if args.json else plain(shown))
    return 0
