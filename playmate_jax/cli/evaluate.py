"""`playmate evaluate face-space WEIGHTS DATA --out DIR`: how well a renderer redraws people."""

import argparse
import json
from pathlib import Path
from typing import Any

from playmate_jax.cli.progress import ProgressBar
from playmate_jax.errors import UserError
from playmate_jax.paths import check_names


def face_space(args: argparse.Namespace) -> int:
    """Evaluates a renderer, writes the report and prints its tables, or all of it as JSON."""
    check_names(args.out)
    bar = None if args.quiet else ProgressBar(unit="people")
    try:
        found, text = _report(args, bar or _no_progress)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("playmate_jax"):
            raise
        raise UserError(
            f"expected the packages for prepared data, found no '{error.name}': "
            "pip install 'playmate-jax[prepare]'"
        ) from None
    finally:
        if bar is not None:
            bar.close()
    if args.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
        return 0
    print(text)
    print("", *found["notes"], f"report: {Path(args.out) / 'report.html'}", sep="\n")
    return 0


def _report(args: argparse.Namespace, progress: Any) -> tuple[dict[str, Any], str]:
    """What report.json holds, and its tables as text."""
    from playmate_jax.metrics.renderer.report import report
    from playmate_jax.metrics.renderer.tables import tables, text_of
    from playmate_jax.parallel.compilation import keep_compiled_programs

    keep_compiled_programs()
    found = report(args.weights, args.data, args.out, args.people, args.split, progress)
    return found, text_of(tables(found))


def _no_progress(phase: str, done: int, total: int) -> None:
    """With --quiet nothing is shown."""
