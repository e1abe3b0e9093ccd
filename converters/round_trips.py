"""Round trips between PyTorch and JAX, measured, as a table in Markdown.

    python -m playmate_jax.converters.round_trips [--only NAME]

Every family at full size under synthetic weights, through files on disk: seconds of reading,
moving, hashing and writing; whether what comes back is the same to the bit; and the largest error
of any layer, run on both sides, relative to that layer's RMS.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from playmate_jax.configuration import to_values
from playmate_jax.converters import checkpoints, convert, verify
from playmate_jax.converters.family import Family, Form
from playmate_jax.converters.registry import FAMILIES
from playmate_jax.converters.rules import to_flax
from playmate_jax.converters.state_files import write_file


class RoundTrip(NamedTuple):
    """One family at full size, to JAX and back: parameters, worst error, exactness, seconds."""

    name: str
    parameters: int
    error: float
    exact: bool
    to_jax_s: float
    to_torch_s: float

    def lines(self) -> list[str]:
        """Two rows of the table."""
        error = f"{self.error:.1e}" if self.error >= 0 else "no reference"
        exact = "yes" if self.exact else "NO"
        return [
            f"| {self.name} | {way} | {self.parameters / 1e6:.2f} M | {error} | {exact} | {s:.1f} |"
            for way, s in (("to JAX", self.to_jax_s), ("to PyTorch", self.to_torch_s))
        ]


def round_trip(family: Family, folder: Path) -> RoundTrip:
    """Writes, converts, converts back and compares one family under `folder`."""
    config = family.full_config()
    table, shapes = family.table(config), family.shapes(config)
    state = verify.synthetic_state(table, shapes)
    source, back = _write(family, config, state, folder / "torch"), folder / "back"
    began = time.perf_counter()
    done = convert.to_jax(source, folder / "jax")
    between = time.perf_counter()
    back = back if source.is_dir() else back.with_suffix(source.suffix)
    convert.to_pytorch(folder / "jax", back)
    ended = time.perf_counter()
    found = checkpoints.read(back).state
    exact = found.keys() == state.keys() and all(
        found[name].dtype == state[name].dtype and np.array_equal(found[name], state[name])
        for name in state
    )
    form = Form.of(family, config, state)
    leaves, _ = to_flax(table, state, shapes)
    errors = [x.error for run in form.runs for x in verify.compare(run, table, state, leaves)]
    worst = max(errors, default=-1.0)
    return RoundTrip(family.name, done.parameters, worst, exact, between - began, ended - between)


def _write(family: Family, config: Any, state: dict[str, np.ndarray], target: Path) -> Path:
    """The checkpoint as it is published."""
    values = {"kind": family.kind, **to_values(config)}
    if family.layout is not None and family.layout.write is not None:
        family.layout.write(target, state, config, values)
        return target
    return write_file(target.with_suffix(".safetensors"), state, {"config": values})[0]


def main(arguments: list[str] | None = None) -> int:
    """Prints the table; 1 where a round trip is not exact to the bit or a layer diverges."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--only", default="", help="only families whose name contains this")
    options = parser.parse_args(arguments)
    print("| network | direction | parameters | max error / RMS | bit-exact | seconds |")
    print("|---|---|---|---|---|---|")
    passed = True
    for family in FAMILIES:
        if options.only not in family.name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = round_trip(family, Path(folder))
        print("\n".join(found.lines()), flush=True)
        passed &= found.exact and found.error <= verify.TOLERANCE
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
