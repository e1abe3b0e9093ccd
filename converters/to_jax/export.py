"""The program: networks of a weights directory to .jax and .npz files, each read back and run.

Everything is written under temporary names and renamed when all files have passed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jax
import numpy as np

from playmate_jax.converters.export_folder import check_target, temporary
from playmate_jax.converters.to_jax import programs
from playmate_jax.converters.to_onnx.check import Agreement, error, require
from playmate_jax.converters.to_onnx.networks import Network

BATCHES = (1, 3)  # that each program is run with
Say = Callable[[str], None]


@dataclass
class Export:
    """What was done: files and their sizes in bytes, and how far what they compute is from the
    modules; `checked` is False where this machine has none of the platforms."""

    written: dict[Path, int] = field(default_factory=dict)
    agreements: list[Agreement] = field(default_factory=list)
    checked: bool = False


def export(
    weights: str,
    out: Path,
    only: Sequence[str] = (),
    platforms: Sequence[str] = ("cpu", "cuda"),
    overwrite: bool = False,
    say: Say = lambda line: None,
) -> Export:
    """Writes `out`/NAME.jax and NAME.npz for every network of the weights, or `only` for these.

    Raises:
      UserError: missing or wrong weights, a network that cannot be written, a folder that cannot be
        written to, a file that exists, or a program that does not agree with its module. Nothing
        was written.
    """
    chosen = programs.of_weights(weights, only, platforms)
    paths = {network.name: out / f"{network.name}.jax" for network in chosen}
    every = [path for p in paths.values() for path in (p, p.with_suffix(".npz"))]
    check_target(out, every, overwrite)
    done = Export(checked=_platform() in platforms)
    with temporary(every) as parts:
        for network in chosen:
            program = paths[network.name]
            arrays = program.with_suffix(".npz")
            parts[program].write_bytes(programs.exported(network, platforms).serialize())
            with parts[arrays].open("wb") as file:
                np.savez(file, **programs.named(network.params))
            for path in (program, arrays):
                done.written[path] = parts[path].stat().st_size
            say(f"{network.name}: {done.written[program] / 1e6:.1f} MB of program, "
                f"{done.written[arrays] / 1e6:.1f} MB of parameters")  # fmt: skip
            if done.checked:
                done.agreements += compare(network, parts[program], parts[arrays])
        require(done.agreements, "the exported program", "its module")
    return done


def compare(network: Network, program: Path, arrays: Path) -> list[Agreement]:
    """Every output of a program that was read back against the module, at several batches."""
    read, params = programs.read(program, arrays)
    theirs = jax.jit(read.call)
    ours = jax.jit(lambda params, inputs: dict(network.function(params, **inputs)))
    worst: dict[str, float] = {}
    for n in BATCHES:
        rows = [network.random_inputs(seed) for seed in range(n)]
        inputs = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
        found, expected = theirs(params, inputs), ours(network.params, inputs)
        for name, value in expected.items():
            difference = error(np.asarray(found[name]), np.asarray(value))
            worst[name] = max(worst.get(name, 0.0), difference)
    return [Agreement(network.name, name, value) for name, value in worst.items()]


def _platform() -> str:
    """This machine's platform as `jax.export` calls it."""
    return {"gpu": "cuda"}.get(jax.default_backend(), jax.default_backend())
