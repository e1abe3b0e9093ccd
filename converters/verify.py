"""Both sides of a converted network on one input, layer by layer, and recordings of PyTorch's.

Errors are the largest difference relative to the RMS of PyTorch's output in float64. Where torch is
missing, the same networks of a tiny size, with weights by `synthetic_weights.py`, repeat what their
PyTorch references gave when `recordings/` was written (`record.py`).
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from playmate_jax.converters import synthetic_weights
from playmate_jax.converters.layer_outputs import (
    Run,
    both_sides,
    calls,
    flax_outputs,
    layer_pairs,
)
from playmate_jax.converters.rules import Ignored, Table, to_flax
from playmate_jax.converters.synthetic_weights import SEED

# Of a layer's RMS. float32 sums through about forty layers; as in parity.py.
TOLERANCE = 1e-4
# The least RMS that counts: of the small outputs (expression, scale) more is not asked than an
# activation of order one has in float32.
FLOOR = 1e-2
RECORDINGS = Path(__file__).parent / "recordings"
SAMPLES = 16  # values kept of every recorded layer


class Layer(NamedTuple):
    """One line of the report: a layer's name, its error, and a remark where it has no error."""

    name: str
    error: float
    remark: str

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance."""
        return self.error <= TOLERANCE


def compare(
    run: Run, table: Table, state: Mapping[str, np.ndarray], leaves: Mapping[str, np.ndarray]
) -> Iterator[Layer]:
    """Every layer of one network, PyTorch's reference under `state` against Flax under `leaves`."""
    for _, name, wanted, found in both_sides(run, table, state, leaves):
        if isinstance(wanted, str):
            yield Layer(name, np.inf, wanted)
        else:
            yield _layer(name, wanted, found, _rms(wanted))


def repeat(run: Run, table: Table, leaf_shapes: Mapping, recording: str) -> Iterator[Layer]:
    """Every layer of one network under synthetic weights against its recording."""
    leaves, _ = to_flax(table, synthetic_state(table, leaf_shapes), leaf_shapes)
    ours = flax_outputs(run, leaves, run.inputs())
    recorded = np.load(RECORDINGS / f"{recording}.npz")
    rows = {key: i for i, key in enumerate(recorded["keys"].tolist())}
    sizes, scales, values = (recorded[name] for name in ("sizes", "rms", "values"))
    for name, torch_path, flax_path, stack in layer_pairs(run, table):
        for i, value in enumerate(calls(ours, flax_path, stack)):
            key = f"{run.part}|{torch_path}|{i}"
            if key not in rows:
                yield Layer(name, np.inf, "not recorded")
            elif value.size != sizes[rows[key]]:
                yield Layer(name, np.inf, f"{value.size} values, recorded {sizes[rows[key]]}")
            else:
                found, scale = _sampled(key, value), float(scales[rows[key]])
                yield _layer(name, values[rows[key]][: found.size], found, scale)


def record(runs: Iterable[Run], table: Table, leaf_shapes: Mapping) -> dict[str, np.ndarray]:
    """What `repeat` reads, from the PyTorch references."""
    state = synthetic_state(table, leaf_shapes)
    leaves, _ = to_flax(table, state, leaf_shapes)
    rows = []
    for run in runs:
        for key, name, wanted, _ in both_sides(run, table, state, leaves):
            if isinstance(wanted, str):
                raise ValueError(f"{run.part} {name}: {wanted}")
            few = np.zeros(SAMPLES, np.float32)
            sampled = _sampled(key, wanted)
            few[: sampled.size] = sampled
            rows.append((key, wanted.size, _rms(wanted), few))
    names = ("keys", "sizes", "rms", "values")
    return {name: np.array(column) for name, column in zip(names, zip(*rows), strict=True)}


def synthetic_state(table: Table, leaf_shapes: Mapping) -> dict[str, np.ndarray]:
    """A synthetic state dict of a table's names and shapes; computed tensors keep their default."""
    drawn = synthetic_weights.state_dict(manifest(table, leaf_shapes), SEED)
    computed = {e.source: e.default for e in table if isinstance(e, Ignored) and e.computed}
    return drawn | computed


def manifest(table: Table, leaf_shapes: Mapping) -> dict[str, tuple[tuple[int, ...], str]]:
    """Name, shape and type of every tensor that a table exports, nothing computed."""
    found = {}
    for entry in table:
        if isinstance(entry, Ignored):
            found[entry.source] = (entry.default.shape, str(entry.default.dtype))
        else:
            shape = leaf_shapes[entry.target]
            # a view of one zero: only its shape is wanted
            leaf = np.broadcast_to(np.float32(0), shape if entry.row is None else shape[1:])
            found[entry.source] = (entry.op.inverse(leaf).shape, "float32")
    return found


def _sampled(key: str, values: np.ndarray) -> np.ndarray:
    indices = synthetic_weights.sample_indices(key, values.size, SEED, SAMPLES)
    return values.reshape(-1)[indices]


def _layer(name: str, wanted: np.ndarray, found: np.ndarray, rms: float) -> Layer:
    difference = np.abs(wanted.astype(np.float64) - found).max(initial=0.0)
    error = float(difference / max(rms, FLOOR))
    return Layer(name, error if np.isfinite(error) else np.inf, "")


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values.astype(np.float64)))))
