"""`playmate evaluate clips`: generated videos of any systems against real ones."""

import argparse
import json
from pathlib import Path

from playmate_jax.cli.progress import ProgressBar
from playmate_jax.paths import check_names


def clips(args: argparse.Namespace) -> int:
    """Measures videos, writes the report and prints its tables, or all of it as JSON."""
    check_names(args.out)
    from playmate_jax.faces import TfliteLandmarker
    from playmate_jax.metrics.videos.evaluation import Evaluation
    from playmate_jax.metrics.videos.pairs import read_labels
    from playmate_jax.metrics.videos.report import PAGE, check_place, plain_values, write
    from playmate_jax.metrics.videos.request import Request
    from playmate_jax.metrics.videos.tables import plain, tables
    from playmate_jax.parallel.compilation import keep_compiled_programs

    keep_compiled_programs()
    labels = read_labels(Path(args.labels)) if args.labels else {}
    request = Request(
        args.generated, Path(args.reference), Path(args.out), args.metrics, args.protocol,
        args.networks, labels, args.clips, args.seconds, args.baseline, args.fresh,
    )  # fmt: skip
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


def _no_progress(phase: str, done: int, total: int) -> None:
    """With --quiet nothing is shown."""
