"""Both sides of a converted network on one input, layer by layer.

The table of a conversion says which PyTorch module belongs to which Flax module, so nothing more is
needed to compare every layer that has parameters, in the order in which PyTorch computes them, and
the outputs. Errors are the largest difference relative to the RMS of PyTorch's output, which is
computed in float64: in float32 PyTorch's own rounding would be most of the error (of W's features:
7e-5, where ours is 2e-5).

Where torch is missing, the same networks of a tiny size, with weights by `synthetic_weights.py`,
repeat what their PyTorch references gave when `recordings/` was written:

    python -m playmate_jax.converters.verify          writes the recordings anew (needs torch)
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from playmate_jax.converters import synthetic_weights
from playmate_jax.converters.rules import Ignored, Rule, Table, to_flax

# Of a layer's RMS. float32 sums through about forty layers; as in parity.py.
TOLERANCE = 1e-4
# The least RMS that counts: of the small outputs (expression, scale) more is not asked than an
# activation of order one has in float32.
FLOOR = 1e-2
RECORDINGS = Path(__file__).parent / "recordings"
COLLECTIONS = ("params", "batch_stats", "spectral")
SAMPLES = 16  # values kept of every recorded layer
SEED = 0

Layers = Mapping[str, list[np.ndarray]]  # path of a module -> its outputs, call by call


@dataclass(frozen=True)
class Run:
    """How to run one network on both sides.

    Attributes:
      part: what names and leaves of the network begin with ("appearance"), or "".
      reference: makes the PyTorch module.
      layers: (variables, inputs in Flax's axis order) -> outputs of the Flax modules by path, those
        of the whole under "".
      inputs: the input in PyTorch's axis order, drawn by name.
      heard_at: PyTorch module -> the module whose output is compared in its place.
    """

    part: str
    reference: Callable[[], Any]
    layers: Callable[..., dict[str, Any]]
    inputs: Callable[[], list[np.ndarray]]
    heard_at: Mapping[str, str] = field(default_factory=dict)


class Layer(NamedTuple):
    """One line of the table."""

    name: str
    error: float
    remark: str

    @property
    def good(self) -> bool:
        return self.error <= TOLERANCE


def flax_layers(module: nn.Module) -> Callable[..., dict[str, Any]]:
    """Outputs of a linen module and of everything in it."""

    def run(variables: Mapping[str, Any], *inputs: Any) -> dict[str, Any]:
        output, kept = module.apply(
            variables, *inputs, capture_intermediates=True, mutable=["intermediates"]
        )
        return modules_of(kept) | {"": [output]}

    return run


def modules_of(kept: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Captured intermediates as path -> outputs call by call."""
    found = flatten_dict(kept.get("intermediates", {}))
    return {prefix + "/".join(path[:-1]): list(calls) for path, calls in found.items()}


def compare(
    run: Run, table: Table, state: Mapping[str, np.ndarray], leaves: Mapping[str, np.ndarray]
) -> Iterator[Layer]:
    """Every layer of one network, PyTorch's reference under `state` against Flax under `leaves`."""
    for _, name, wanted, found in _both(run, table, state, leaves):
        if isinstance(wanted, str):
            yield Layer(name, np.inf, wanted)
        else:
            yield _layer(name, wanted, found, _rms(wanted))


def repeat(run: Run, table: Table, leaf_shapes: Mapping, recording: str) -> Iterator[Layer]:
    """Every layer of one network under synthetic weights against its recording."""
    leaves, _ = to_flax(table, synthetic_state(table, leaf_shapes), leaf_shapes)
    ours = _flax_layers(run, leaves, run.inputs())
    recorded = np.load(RECORDINGS / f"{recording}.npz")
    rows = {key: i for i, key in enumerate(recorded["keys"].tolist())}
    sizes, scales, values = (recorded[name] for name in ("sizes", "rms", "values"))
    for name, torch_path, flax_path, stack in _pairs(run, table):
        for i, value in enumerate(_calls(ours, flax_path, stack)):
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
        for key, name, wanted, _ in _both(run, table, state, leaves):
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


def _pairs(run: Run, table: Table) -> list[tuple[str, str, str, int | None]]:
    """(name, PyTorch module, Flax module, row) of every layer with parameters, and the whole."""
    found: dict[tuple[str, str], tuple[str, str, str, int | None]] = {}
    for entry in table:
        if not isinstance(entry, Rule):
            continue
        source, target = _cut(entry.source, run.part, "."), _cut(entry.target, run.part, "/")
        if source is None or target is None:
            continue
        module, parametrized, _ = source.partition(".parametrizations.")
        module = module if parametrized else module.rpartition(".")[0]
        names = target.split("/")[:-1]
        path = "/".join(n for i, n in enumerate(names) if i > 1 or n not in COLLECTIONS)
        if module and path:
            found[module, path] = (module, run.heard_at.get(module, module), path, entry.row)
    return [*found.values(), ("output", "", "", None)]


def _torch_layers(run: Run, state: Mapping[str, np.ndarray], inputs: list[np.ndarray]) -> Layers:
    """Outputs of every module of the reference in float64, channels last; the whole's under ""."""
    import torch

    from playmate_jax.converters.torch_files import to_tensors

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        module = run.reference().eval()
        module.load_state_dict(to_tensors(state), strict=True)
        return _heard(module, [torch.from_numpy(_exact(x)) for x in inputs])
    finally:
        torch.set_default_dtype(before)


def _heard(module: Any, inputs: list[Any]) -> Layers:
    import torch

    channels_first = (
        torch.nn.modules.conv._ConvNd,
        torch.nn.modules.batchnorm._BatchNorm,
        torch.nn.modules.instancenorm._InstanceNorm,
        torch.nn.GroupNorm,
    )
    found: dict[str, list[np.ndarray]] = {}

    def keep(name: str, layer: Any, _: Any, output: Any) -> None:
        if name and isinstance(output, tuple):  # PyTorch's attention: values and weights
            output = output[0]
        if name and not isinstance(output, torch.Tensor):
            return
        first = isinstance(layer, channels_first)
        for tensor in [output] if name else _leaves(output):
            value = tensor.numpy(force=True)
            value = np.moveaxis(value, 1, -1) if first and value.ndim > 2 else value  # noqa: PLR2004
            found.setdefault(name, []).append(value)

    for name, layer in module.named_modules():
        layer.register_forward_hook(functools.partial(keep, name))
    with torch.no_grad():
        module(*inputs)
    return found


def _exact(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64) if x.dtype == np.float32 else x


def _flax_layers(run: Run, leaves: Mapping[str, np.ndarray], inputs: list[np.ndarray]) -> dict:
    variables = unflatten_dict(_own(leaves, run.part, "/"), sep="/")
    last = [np.moveaxis(x, 1, -1) if x.ndim > 3 else x for x in inputs]  # noqa: PLR2004
    with jax.default_matmul_precision("highest"):
        return jax.jit(run.layers)(variables, *(jnp.asarray(x) for x in last))


def _both(run: Run, table: Table, state: Mapping, leaves: Mapping) -> Iterator[tuple]:
    """(key, name, PyTorch's output in Flax's axis order or what is wrong, Flax's), in the order in
    which PyTorch computes them."""
    inputs = run.inputs()
    theirs = _torch_layers(run, _own(state, run.part, "."), inputs)
    ours = _flax_layers(run, leaves, inputs)
    order = {name: i for i, name in enumerate(theirs)}
    for name, torch_path, flax_path, row in sorted(
        _pairs(run, table), key=lambda pair: order.get(pair[1], -1)
    ):
        wanted, found = theirs.get(torch_path, []), _calls(ours, flax_path, row)
        if len(wanted) != len(found):
            yield "", name, f"{len(found)} outputs, in PyTorch {len(wanted)}", None
            continue
        for i, (a, b) in enumerate(zip(wanted, found, strict=True)):
            moved = np.moveaxis(a, 1, -1) if torch_path == "" and a.ndim > 3 else a  # noqa: PLR2004
            moved = moved if moved.shape == b.shape else a  # W's deformation has its axes last
            if moved.shape[1:] == b.shape[1 - moved.ndim :] and moved.size == b.size:
                moved = moved.reshape(b.shape)  # leading axes that PyTorch folded into one
            same = moved.shape == b.shape
            what = moved if same else f"shape {b.shape}, in PyTorch {a.shape}"
            yield f"{run.part}|{torch_path}|{i}", name, what, b


def _sampled(key: str, values: np.ndarray) -> np.ndarray:
    indices = synthetic_weights.sample_indices(key, values.size, SEED, SAMPLES)
    return values.reshape(-1)[indices]


def _calls(ours: Mapping[str, Any], path: str, row: int | None) -> list[np.ndarray]:
    outputs = [x for call in ours.get(path, []) for x in _leaves(call)]
    return [np.asarray(x if row is None else x[row]) for x in outputs]


def _layer(name: str, wanted: np.ndarray, found: np.ndarray, rms: float) -> Layer:
    difference = np.abs(wanted.astype(np.float64) - found).max(initial=0.0)
    error = float(difference / max(rms, FLOOR))
    return Layer(name, error if np.isfinite(error) else np.inf, "")


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values.astype(np.float64)))))


def _leaves(output: Any) -> list[Any]:
    """Arrays of nested lists and dicts; a dict's in the order of its names."""
    if isinstance(output, Mapping):
        return [leaf for name in sorted(output) for leaf in _leaves(output[name])]
    if isinstance(output, list | tuple):
        return [leaf for item in output for leaf in _leaves(item)]
    return [] if output is None else [output]


def _own(values: Mapping[str, Any], part: str, separator: str) -> dict[str, Any]:
    """One part's arrays under their own names; halves as float32, in which both sides compute."""
    named = ((_cut(name, part, separator), value) for name, value in values.items())
    return {name: _wide(value) for name, value in named if name is not None}


def _wide(value: np.ndarray) -> np.ndarray:
    half = value.dtype in (np.float16, ml_dtypes.bfloat16)
    return value.astype(np.float32) if half else value


def _cut(name: str, part: str, separator: str) -> str | None:
    """A name without its part; None where it belongs to another."""
    prefix = f"{part}{separator}" if part else ""
    return name.removeprefix(prefix) if name.startswith(prefix) else None


def main() -> None:
    """Write the recordings of every family."""
    from playmate_jax.converters.families import FAMILIES

    RECORDINGS.mkdir(exist_ok=True)
    for family in FAMILIES:
        if not (runs := family.runs(family.tiny)):
            continue
        arrays = record(runs, family.table(family.tiny), family.shapes(family.tiny))
        np.savez_compressed(RECORDINGS / f"{family.name}.npz", **arrays)


if __name__ == "__main__":
    main()
