"""`playmate evaluate clips`: generated videos of any systems against real ones."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from playmate_jax.cli.progress import ProgressBar
from playmate_jax.errors import UserError
from playmate_jax.paths import check_names

if TYPE_CHECKING:
    from playmate_jax.cli.evaluate_animate import Animated
    from playmate_jax.metrics.videos.evaluation import Progress
    from playmate_jax.metrics.videos.request import Request


def clips(args: argparse.Namespace) -> int:
    """Measures videos, writes the report and prints its tables, or all of it as JSON."""
    check_names(args.out)
    from playmate_jax.faces import TfliteLandmarker
    from playmate_jax.metrics.videos.baseline import lips_of
    from playmate_jax.metrics.videos.evaluation import Evaluation
    from playmate_jax.metrics.videos.pairs import read_labels
    from playmate_jax.metrics.videos.report import PAGE, check_place, plain_values, write
    from playmate_jax.metrics.videos.request import Request
    from playmate_jax.metrics.videos.spread import ALL
    from playmate_jax.metrics.videos.tables import plain, tables
    from playmate_jax.parallel.compilation import keep_compiled_programs

    keep_compiled_programs()
    given = read_labels(Path(args.labels)) if args.labels else {}
    animated = _animated(args)
    labels = {**animated.labels, **given} if animated else given
    lips = lips_of(args.loudness, args.face_models) if args.loudness else None
    request = Request(
        args.generated, Path(args.animate or args.reference), Path(args.out), args.metrics,
        args.protocol, args.networks, labels, args.clips, args.seconds, args.baseline, args.fresh,
        lips, animated.systems if animated else (), animated.references if animated else None,
        animated.faults if animated else (),
    )  # fmt: skip
    if args.protocol == ALL:
        return _under_all(request, args)
    evaluation = Evaluation(request)
    landmarker = TfliteLandmarker(args.face_models) if evaluation.needs_faces else None
    check_place(request.out)
    bar = None if args.quiet else ProgressBar(unit="videos", often_s=30)
    try:
        found = evaluation.run(landmarker, bar or _no_progress)
    finally:
        if bar is not None:
            bar.close()
    write(evaluation, found)
    if args.json:
        print(json.dumps(plain_values(found), indent=1, ensure_ascii=False))
        return 0
    print(*(f"{plain(table)}\n" for table in tables(found)), sep="\n")
    print(*found["remarks"], *found["left_out"], sep="\n")
    for fault in found["faults"]:
        print(f"{fault['system']}, {fault['clip']}: {fault['sentence']}")
    print(f"report: {request.out / PAGE}")
    return 0


def _animated(args: argparse.Namespace) -> Animated | None:
    """With --animate: makes the videos of the table.

    Raises:
      UserError: neither a table nor folders of both sides are given, or no row can be made.
    """
    if args.animate:
        from playmate_jax.cli.evaluate_animate import animate
        from playmate_jax.metrics.videos.report import check_place

        if args.reference:
            raise UserError(
                "expected references either in the column 'reference' of --animate or as "
                "--reference, found both: leave --reference out"
            )
        check_place(Path(args.out))
        return animate(args)
    if not (args.generated and args.reference):
        raise UserError(
            "expected --generated DIR ... with --reference DIR, or --animate TABLE.csv, found "
            "neither: say what is to be measured"
        )
    return None


def _under_all(request: Request, args: argparse.Namespace) -> int:
    """Measures under every protocol, each with a report of its own, and shows how far apart they
    are."""
    from playmate_jax.faces import TfliteLandmarker
    from playmate_jax.metrics.videos import report, spread

    runs, left_out = spread.evaluations(request)
    seen = any(evaluation.needs_faces for evaluation in runs.values())
    landmarker = TfliteLandmarker(args.face_models) if seen else None
    known = (*spread.PROTOCOLS, spread.NAME, spread.TEXT, report.ANIMATED)
    report.check_place(request.out, known)
    for evaluation in runs.values():
        report.check_place(evaluation.request.out)
    bars: list[ProgressBar] = []

    def progress(protocol: str) -> Progress:
        if args.quiet:
            return _no_progress
        print(f"protocol {protocol}", file=sys.stderr)
        bars.append(ProgressBar(unit="videos", often_s=30))
        return bars[-1]

    try:
        found = spread.run(runs, left_out, landmarker, progress)
    finally:
        for bar in bars:
            bar.close()
    if args.json:
        print(json.dumps(report.plain_values(found), indent=1, ensure_ascii=False))
        return 0
    print(spread.as_text(found))
    print(f"report: {request.out / spread.TEXT}")
    return 0


def _no_progress(phase: str, done: int, total: int) -> None:
    """With --quiet nothing is shown."""
