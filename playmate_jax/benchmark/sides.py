"""Sides of a comparison, timed in turns.

Machines slow down and speed up over minutes, so that two systems that are timed one after the other
are not compared. Here they take turns, A B A B, and then in the other order, B A B A, because what
runs before (caches, threads that still spin, clocks) matters too.
"""

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

TURN_S = 0.3  # of the fastest side, at least: a call may take less than the clock can tell


@dataclasses.dataclass(frozen=True)
class Side:
    """One system that does the work that is compared.

    Attributes:
      name, version: of the system.
      call: does the work once, and may return before a device is done.
      wait: returns when everything that was called is done.
      facts: what the side knows of itself after its first call: figures in MiB, counts.
      program: the text of its compiled program after its first call; "": it has none.
    """

    name: str
    version: str
    call: Callable[[], Any]
    wait: Callable[[], Any] = lambda: None
    facts: Callable[[], dict[str, float]] = dict
    program: Callable[[], str] = str


def seconds_of(side: Side, calls: int = 1) -> float:
    """Seconds for each of `calls` calls in a row, the device's work included."""
    start = time.perf_counter()
    for _ in range(calls):
        side.call()
    side.wait()
    return (time.perf_counter() - start) / calls


def alternate(
    sides: Sequence[Side],
    rounds: int,
    turn_s: float = TURN_S,
    say: Callable[[str], object] = lambda line: None,
) -> dict[str, list[list[float]]]:
    """Seconds a call, by side, order and round.

    Args:
      sides: each has been called before, so that nothing is left to be compiled.
      rounds: turns of each side in each order.
      turn_s: a turn repeats the call until the fastest side's takes as long.
      say: receives a line of progress after each round.
    """
    fastest = min(seconds_of(side) for side in sides)
    calls = max(1, math.ceil(turn_s / fastest))
    times: dict[str, list[list[float]]] = {side.name: [] for side in sides}
    for order in (list(sides), list(reversed(sides))):
        for side in sides:
            times[side.name].append([])
        for n in range(rounds):
            for side in order:
                times[side.name][-1].append(seconds_of(side, calls))
            last = ", ".join(f"{s.name} {times[s.name][-1][-1]:.3g} s" for s in order)
            say(f"round {n + 1} of {rounds}: {last}")
    return times


def median(times: Sequence[Sequence[float]]) -> float:
    """The median of the rounds of all orders."""
    return statistics.median(seconds for order in times for seconds in order)


def ratios(times: Mapping[str, Sequence[Sequence[float]]], ours: str) -> dict[str, list[float]]:
    """By side: its median over ours, of each order and of both together; above 1 ours is faster."""
    own = times[ours]
    return {
        name: [
            *(statistics.median(a) / statistics.median(b) for a, b in zip(found, own, strict=True)),
            median(found) / median(own),
        ]
        for name, found in times.items()
    }
