"""Our training step beside PyTorch's: `compare` measures, the rest of this folder reports."""

import sys
from collections.abc import Callable, Sequence

import jax

from playmate_jax.benchmark.alone import empty_caches, measure_alone
from playmate_jax.benchmark.machine import machine
from playmate_jax.benchmark.report import Comparison, Measured
from playmate_jax.benchmark.sides import TURN_S, alternate, seconds_of
from playmate_jax.benchmark.train_sides import COMPILED, EAGER, OURS, TrainSetup, build
from playmate_jax.errors import UserError
from playmate_jax.parallel.peak import datasheet_peak, measured_peak


def sides_of(against: str, compiled: bool) -> list[str]:
    """The names of the sides that the options ask for, ours first.

    Args:
      against: "torch", or "" for ours alone.
    """
    return [OURS, *([EAGER] if against else []), *([COMPILED] if against and compiled else [])]


def compare(
    setup: TrainSetup,
    names: Sequence[str],
    rounds: int,
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True),
    turn_s: float = TURN_S,
) -> Comparison:
    """Measures each side alone (compilation, memory) and then all in turns (speed).

    Args:
      say: receives a line of progress.

    Raises:
      UserError: PyTorch's reference, which runs on one device, beside several of ours.
    """
    if len(names) > 1 and jax.device_count() > 1:
        raise UserError(
            f"expected one device with --against torch, found {jax.device_count()}: choose one "
            "(CUDA_VISIBLE_DEVICES=0), or leave the option out"
        )
    before = machine()
    with empty_caches():
        alone = {}
        for name in names:
            say(f"{name}: compilation and memory, in processes of its own")
            alone[name] = measure_alone(build, setup, name)
        sides = [build(setup, name) for name in names]
        for side in sides:
            seconds_of(side)
        rates = [measured_peak(setup.precision)]
        seconds = alternate(sides, rounds, turn_s, say)
        rates.append(measured_peak(setup.precision))
    measured = [
        Measured(side.name, side.version, seconds[side.name], alone[side.name]) for side in sides
    ]
    flops = setup.flops()
    return Comparison(
        title=setup.title,
        work={
            "stage": setup.stage, "batch": setup.batch, "precision": setup.precision,
            "parallel": setup.parallel, "overrides": dict(setup.overrides), "rounds": rounds,
            "input": "random clips in memory, one batch on the device",
        },
        machine=before | {"load_after": machine()["load"]},
        sides=measured,
        frames=setup.frames(),
        flops=sum(flops.values()),
        peak={"measured": max(rates), "datasheet": datasheet_peak(setup.precision)},
        flops_by_part=flops,
    )  # fmt: skip
