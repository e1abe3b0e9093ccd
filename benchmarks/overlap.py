"""What overlapping stages save: whole videos, with decoding, drawing, pasting and encoding at the
same time and in turns.

    python benchmarks/overlap.py --json overlap.json      (with the Makefile's MALLOC variables)

Two jobs with the demo weights: the bundled portrait speaks the bundled speech, and the video of
that is dubbed with it. Both ways alternate in one process, in both orders, after one run that
compiles. The files must be equal, byte for byte. `cores` is CPU time over wall time: where it is
near the number of CPUs already in turns, there is nothing to be saved.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from playmate_jax.benchmark.machine import cpu_name, usable_cpus
from playmate_jax.cli.animate import PORTRAIT, SPEECH
from playmate_jax.inference.ahead import in_turns
from playmate_jax.inference.animator import Animator
from playmate_jax.media import read_audio

WAYS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "in turns": in_turns,
    "overlapped": nullcontext,
}


def measured(weights: str, seconds: float, rounds: int, folder: Path) -> dict[str, Any]:
    """(wall, CPU) seconds of both jobs by way, and the medians' ratios."""
    animator = Animator.from_weights(weights)
    speech = read_audio(SPEECH)[: round(seconds * 16_000)]
    source = animator.animate(PORTRAIT, speech).write(folder / "source.mp4")
    found: dict[str, Any] = {}
    for job, portrait in (("talking portrait", PORTRAIT), ("dubbed video", source)):
        times: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
        files: set[bytes] = set()
        for n in range(2 * rounds + 1):
            for way in sorted(WAYS, reverse=n % 2 == 1):
                began = time.perf_counter(), time.process_time()
                with WAYS[way]():
                    animation = animator.animate(portrait, speech)
                    path = animation.write(folder / "out.mp4", overwrite=True)
                taken = time.perf_counter() - began[0], time.process_time() - began[1]
                files.add(path.read_bytes())
                if n:  # the first round compiles
                    times[way].append(taken)
        if len(files) != 1:
            raise SystemExit(f"{job}: the files of both ways differ")
        found[job] = {"frames": len(animation), "times": times, "ways": _medians(times)}
    return found


def _medians(times: dict[str, list[tuple[float, float]]]) -> dict[str, dict[str, float]]:
    medians = {}
    for way, pairs in times.items():
        wall, cpu = (statistics.median(column) for column in zip(*pairs, strict=True))
        medians[way] = {"wall_s": wall, "cpu_s": cpu, "cores": cpu / wall}
    first = medians["in turns"]["wall_s"]
    return {way: row | {"times_faster": first / row["wall_s"]} for way, row in medians.items()}


def main() -> None:
    """Prints a table, and writes all figures as JSON where asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", default="demo", help="a shipped name or a folder (demo)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of speech, at most 5")
    parser.add_argument("--rounds", type=int, default=3, help="in each order (3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    given = parser.parse_args()
    machine = {"cpu": cpu_name(), "cpus": usable_cpus(), "load": os.getloadavg()[0]}
    print(", ".join(f"{key} {value}" for key, value in machine.items()), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        found = measured(given.weights, given.seconds, given.rounds, Path(folder))
    print(f"{'job':18}{'way':12}{'wall s':>9}{'CPU s':>9}{'cores':>7}{'times':>7}")
    for job, figures in found.items():
        for way, row in figures["ways"].items():
            print(
                f"{job:18}{way:12}{row['wall_s']:9.2f}{row['cpu_s']:9.2f}{row['cores']:7.2f}"
                f"{row['times_faster']:7.2f}"
            )
    if given.json:
        given.json.write_text(json.dumps({"machine": machine, **found}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
