"""The face space's training step beside its PyTorch reference at full size: gradients and time.

    make bench-face-space     (half an hour, 24 GB of memory; the time without Eq. 4, which needs
                               more for both sides together)

Gradients: relative error of each network's parameters and statistics after one step, float32, on
synthetic weights; each side in a process of its own. `--float64` adds both in float64, and what
both are off it in float32. Time: the whole step with optimisers and EMA, both sides in one process,
in turns and in both orders; above 1, ours is faster. With `--apart` each turn is a process of its
own, which builds its side again: for steps that do not fit into memory together. Needs torch (extra
"convert").
"""

import argparse
import dataclasses
import json
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax

from playmate_jax.benchmark import face_space, face_space_sides
from playmate_jax.benchmark.face_space import TINY, FaceSpaceSetup, Step, errors
from playmate_jax.benchmark.machine import machine
from playmate_jax.benchmark.report import place_of
from playmate_jax.benchmark.sides import alternate, median, ratios, seconds_of
from playmate_jax.benchmark.train_sides import EAGER, OURS

Found = TypeVar("Found")


def alone(call: Callable[..., Found], *arguments: Any) -> Found:
    """What a call returns, made in a process of its own, whose memory is free again afterwards."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(call, *arguments).result()


def exact_products(setup: FaceSpaceSetup, dtype: str) -> Step:
    """Our step with products in full float32, on GPUs too."""
    with jax.default_matmul_precision("highest"):
        return face_space.ours(setup, dtype)


def compare_gradients(setup: FaceSpaceSetup, float64: bool) -> dict[str, Any]:
    """Errors by comparison, kind and network; prints a row for each."""
    calls = {OURS: exact_products, "torch": face_space.theirs}
    pairs = {f"{OURS}, torch": (OURS, "torch")}
    if float64:
        exact = {name: f"{name} float64" for name in calls}
        pairs[f"{OURS}, torch, float64"] = tuple(exact.values())
        pairs |= {f"{name}, {exact['torch']}": (name, exact["torch"]) for name in calls}
    sides = {}
    for dtype in ("float32", "float64") if float64 else ("float32",):
        for name, call in calls.items():
            start = time.monotonic()
            key = exact[name] if dtype == "float64" else name
            sides[key] = alone(call, setup, dtype)
            print(f"{key}: {time.monotonic() - start:.0f} s", flush=True)
    found = {name: errors(sides[a], sides[b]) for name, (a, b) in pairs.items()}
    networks = list(found[f"{OURS}, torch"]["gradients"])
    print(f"{'relative error':38}" + "".join(f"{name:>12}" for name in networks))
    for name, kinds in found.items():
        for kind, own in kinds.items():
            cells = (f"{own[n]:12.1e}" if n in own else f"{'-':>12}" for n in networks)
            print(f"{f'{name}: {kind}':38}" + "".join(cells), flush=True)
    terms = {name: step.terms for name, step in sides.items()}
    for name in terms[OURS]:
        print(f"{name:20}" + "".join(f"{own[name]:16.8g}" for own in terms.values()))
    return {"errors": found, "terms": terms}


class Turn(NamedTuple):
    """Seconds of a side's first step and of those after it, and what the side knows of itself."""

    first: float
    steps: list[float]
    facts: dict[str, Any]


def turn(setup: FaceSpaceSetup, name: str, steps: int) -> Turn:
    """One side's first step, which compiles, and so many more."""
    side = face_space_sides.build(setup, name)
    first, own = seconds_of(side), [seconds_of(side) for _ in range(steps)]
    print(f"{name}: first step {first:.1f} s, then {own}", flush=True)
    return Turn(first, own, {"version": side.version, **side.facts()})


def turns_apart(setup: FaceSpaceSetup, steps: int) -> dict[str, list[Turn]]:
    """A turn of each side in each order, by side; each in a process of its own."""
    found: dict[str, list[Turn]] = {OURS: [], EAGER: []}
    for order in ((OURS, EAGER), (EAGER, OURS)):
        for name in order:
            found[name].append(alone(turn, setup, name, steps))
    return found


def compare_speed(setup: FaceSpaceSetup, rounds: int, apart: bool) -> dict[str, Any]:
    """Seconds of a step; prints a row for each side."""
    if apart:
        turns = turns_apart(setup, rounds)
        first = {name: own[0].first for name, own in turns.items()}
        times = {name: [one.steps for one in own] for name, own in turns.items()}
        facts = {name: own[-1].facts for name, own in turns.items()}
    else:
        sides = [face_space_sides.build(setup, name) for name in (OURS, EAGER)]
        first = {side.name: seconds_of(side) for side in sides}
        times = alternate(sides, rounds, say=lambda line: print(line, flush=True))
        facts = {side.name: {"version": side.version, **side.facts()} for side in sides}
    found = ratios(times, OURS)
    print(f"{'side':16}{'step s':>10}{'first s':>10}{'ratio':>8}  by order")
    for name, own in times.items():
        *by_order, ratio = found[name]
        orders = ", ".join(f"{x:.2f}" for x in by_order)
        print(f"{name:16}{median(own):10.3f}{first[name]:10.1f}{ratio:8.2f}  {orders}", flush=True)
    print(facts)
    return {"seconds": times, "ratios": found, "first_s": first, "facts": facts}


def main() -> None:
    """Prints tables, and writes all figures as JSON where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tiny", action="store_true", help="tiny networks: seconds, no result")
    parser.add_argument("--batch", type=int, default=1, help="pairs in a step (default 1)")
    parser.add_argument("--regions", nargs="*", default=(), choices=("face", "lips"))
    parser.add_argument(
        "--without", nargs="*", default=(), metavar="TERM",
        help="terms left out, such as transfer, which takes two thirds of the memory",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=3, help="turns in each order (default 3)")
    parser.add_argument("--apart", action="store_true", help="each turn in a process of its own")
    parser.add_argument("--only", choices=("gradients", "speed"), help="default: both")
    parser.add_argument("--float64", action="store_true", help="also both in float64")
    parser.add_argument("--json", help="write all figures to this file")
    options = parser.parse_args()
    setup = TINY if options.tiny else FaceSpaceSetup()
    weights = dataclasses.replace(setup.weights, **dict.fromkeys(options.without, 0.0))
    setup = dataclasses.replace(
        setup, batch=options.batch, regions=tuple(options.regions), weights=weights
    )
    found: dict[str, Any] = {"batch": options.batch, "regions": list(options.regions)}
    found["without"] = list(options.without)
    found["machine"] = machine()
    print(f"{place_of(found['machine'])}; load {found['machine']['load'][0]}", flush=True)
    if options.only != "speed":
        found["gradients"] = compare_gradients(setup, options.float64)
    if options.only != "gradients":
        found["speed"] = compare_speed(setup, options.rounds, options.apart)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
