"""Where the time of the motion denoiser's paper-size train step goes on a CPU, piece by piece.

    python benchmarks/train_step_profile.py      (with the Makefile's MALLOC variables)

Compiles the step that `playmate benchmark train` times, traces some steps and prints the thunks of
XLA that take longest: the least time of a call, calls a step, and what of the network it is. The
least of many calls is what a piece costs on a machine that also does other things.
"""

import argparse
import collections
import os
import re
import tempfile
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax

from playmate_jax.benchmark.sides import Side, seconds_of
from playmate_jax.benchmark.train_sides import TrainSetup, ours
from playmate_jax.parallel.compilation import program_lines


def durations_ms(step: Side, steps: int) -> dict[str, list[float]]:
    """Milliseconds of every call of every thunk in some steps, by its name in the compiled HLO."""
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            seconds_of(step, steps)
        (path,) = Path(folder).rglob("*.xplane.pb")
        found = collections.defaultdict(list)
        for plane in jax.profiler.ProfileData.from_file(str(path)).planes:
            for line in plane.lines:
                for event in line.events:
                    name = dict(event.stats).get("hlo_op")
                    if name is not None and not name.startswith("while"):
                        found[name].append(event.duration_ns / 1e6)
    return found


def places(hlo: str) -> dict[str, str]:
    """Shape of the result and place in the network of every instruction of a compiled program."""
    pattern = r'%([\w.\-]+) = (\S+) [^\n]*?op_name="([^"]*)"'
    return {
        name: f"{shape.split('{')[0]:22}{'/'.join(place.split('/')[-3:])}"
        for name, shape, place in re.findall(pattern, hlo)
    }


def main() -> None:
    """Prints the table, longest first."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--top", type=int, default=40, help="lines of the table")
    options = parser.parse_args()
    step = ours(TrainSetup())
    seconds_of(step)
    hlo = step.program()
    print(f"{program_lines(hlo)} lines of HLO, load {os.getloadavg()[0]:.1f}")
    where = places(hlo)
    rows = [
        (min(calls) * len(calls) / options.steps, len(calls) / options.steps, name)
        for name, calls in durations_ms(step, options.steps).items()
    ]
    print(f"{'ms a step':>10}{'calls':>7}  thunk, result, place; {sum(r[0] for r in rows):.0f} ms")
    for total, calls, name in sorted(rows, reverse=True)[: options.top]:
        print(f"{total:10.2f}{calls:7.0f}  {name:32}{where.get(name, '')}")


if __name__ == "__main__":
    main()
