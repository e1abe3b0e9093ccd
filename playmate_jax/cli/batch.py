"""`playmate batch JOBS.csv --out DIR`: many videos by one process, a row each.

Networks are loaded and compiled once. What was done is in DIR/results.jsonl, a line a job, so that
the same command goes on where it was stopped; a row that cannot be done costs no other one.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playmate_jax.cli import animate_arguments
from playmate_jax.cli.animate import Files, animation_of, checked, credentials_of
from playmate_jax.cli.batch_table import Job, read_jobs
from playmate_jax.cli.parsing import Parser
from playmate_jax.errors import UserError

RESULTS = "results.jsonl"
Result = dict[str, Any]


def command(args: argparse.Namespace) -> int:
    """Runs `playmate batch`; returns its exit code, 2 where a row failed."""
    from playmate_jax.parallel.workdir_lock import locked

    out = Path(args.out)
    jobs = read_jobs(Path(args.jobs), out, animate_parser().parse_args)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"expected a folder for the videos, but '{out}' is none ({error})"
        ) from None
    began = time.perf_counter()
    with locked(out):
        results, before = make(args, jobs, out)
        return _report(args, jobs, results, before, time.perf_counter() - began)


def animate_parser() -> Parser:
    """The options of `playmate animate`, of which a row has some."""
    parser = Parser(prog="playmate animate", add_help=False, allow_abbrev=False)
    animate_arguments.add(parser)
    return parser


def make(args: argparse.Namespace, jobs: list[Job], out: Path) -> tuple[dict[int, Result], int]:
    """Makes what no earlier run has made.

    Args:
      out: the folder of the videos, which no other process writes to.

    Returns:
      the result of each row: facts of its video, or "error"; and how many an earlier run has made.
    """
    asked = {name: getattr(args, name) for name in ("weights", "generator")}
    if args.c2pa is not None:
        asked["c2pa"] = args.c2pa
    earlier, ours = _earlier(out / RESULTS)
    for job in jobs:
        if job.output not in ours and (out / job.output).exists():
            job.error = job.error or (
                f"expected a new file or an earlier batch's, found '{out / job.output}', which "
                "is neither: choose another output or folder"
            )
    results: dict[int, Result] = {}
    for job in jobs:
        found = earlier.get(job.output, {})
        same = (found.get("asked"), found.get("key")) == (asked, job.key)
        if same and "error" not in found and (out / job.output).is_file() and not args.fresh:
            results[job.row] = found
    before = len(results)
    missing = [job for job in jobs if job.row not in results]
    with (out / RESULTS).open("a", encoding="utf-8") as file:
        file.write("\n" * (file.tell() > 0))  # a power failure may have cut the last line
        for job in missing:
            if not job.error:
                file.write(json.dumps({"output": job.output, "begun": True}) + "\n")
        file.flush()
        for job, result in _made(args, missing, before, len(jobs)):
            results[job.row] = result
            line = {"row": job.row, "output": job.output, "key": job.key, "asked": asked, **result}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
    return results, before


def _earlier(path: Path) -> tuple[dict[str, Result], set[str]]:
    """The last result of each output, and the outputs that a batch has begun: a file of such a name
    is a batch's own, however that ended."""
    found: dict[str, Result] = {}
    begun: set[str] = set()
    if not path.is_file():
        return found, begun
    for line in path.read_text("utf-8", "replace").splitlines():
        try:
            result = dict(json.loads(line))
        except (ValueError, TypeError):
            continue
        if result.get("begun"):
            begun.add(str(result.get("output")))
        else:
            found[str(result.get("output"))] = result
    return found, begun


def _made(
    args: argparse.Namespace, jobs: list[Job], before: int, total: int
) -> Iterator[tuple[Job, Result]]:
    """The result of each job as it is done: facts of the video, or "error"."""
    from playmate_jax.cli.progress import ProgressBar
    from playmate_jax.inference.animator import Animator

    if not jobs:
        return
    credentials = credentials_of(args)
    animator = Animator.from_weights(
        args.weights, generator=args.generator, face_models=args.face_models, batch=args.batch,
        renderer_form=args.renderer_form,
    )  # fmt: skip
    bar = None if args.quiet else ProgressBar(unit="jobs", often_s=10.0)
    try:
        for done, job in enumerate(jobs, before):
            if bar is not None:
                bar("batch", done, total, before, note=job.output)
            began = time.perf_counter()
            try:
                if job.args is None or job.error:
                    raise UserError(job.error)
                files = checked(job.args, overwrite=True)
                result = _animated(animator, job.args, files, credentials)
            except UserError as error:
                result = {"error": " ".join(str(error).split())}
            except Exception as error:  # a defect met in one job must not cost the others
                if args.debug:
                    raise
                what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
                result = {"error": f"unexpected {what}"}
            yield job, result | {"took_s": round(time.perf_counter() - began, 3)}
        if bar is not None:
            bar("batch", total, total, before)
    finally:
        if bar is not None:
            bar.close()


def _animated(animator: Any, options: argparse.Namespace, files: Files, credentials: Any) -> Result:
    from playmate_jax.inference.animation import no_progress

    animation = animation_of(animator, options, files, no_progress)
    animation.write(files.output, overwrite=True, mark=options.mark, credentials=credentials)
    return animation.summary()


def _report(
    args: argparse.Namespace, jobs: list[Job], results: dict[int, Result], before: int, took: float
) -> int:
    """Prints what came of the jobs; returns the exit code."""
    failed = [job for job in jobs if results[job.row].get("error")]
    made = [results[job.row] for job in jobs if job not in failed]
    seconds = sum(result["seconds"] for result in made)
    if args.json:
        rows = [{"row": job.row, "output": job.output, **results[job.row]} for job in jobs]
        facts = {"jobs": len(jobs), "failed": len(failed), "before": before, "took_s": took}
        print(json.dumps({**facts, "results": rows}, indent=1, ensure_ascii=False))
    else:
        already = f", {before} of them by an earlier run" * bool(before)
        print(
            f"{args.out}: {len(made)} of {len(jobs)} videos{already}, {seconds:.1f} s in all, in "
            f"{took:.1f} s"
        )
    for job in failed:
        print(f"playmate: row {job.row}: {results[job.row]['error']}", file=sys.stderr)
    return 2 if failed else 0
