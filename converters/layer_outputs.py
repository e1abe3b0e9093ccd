"""The outputs of every layer of a network, of its PyTorch reference and of its Flax modules.

The table of a conversion says which PyTorch module belongs to which Flax module, so nothing more is
needed to pair every layer that has parameters, in the order in which PyTorch computes them, and the
outputs. PyTorch computes in float64: in float32 its own rounding would be most of the difference
(of W's features: 7e-5, where ours is 2e-5).
"""

import functools
import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from playmate_jax.converters.rules import Rule, Table

COLLECTIONS = ("params", "batch_stats", "spectral")
Layers = Mapping[str, list[np.ndarray]]  # path of a module -> its outputs, call by call


@dataclass(frozen=True)
class Run:
    """How to run one network in PyTorch and in Flax.

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


def reference(module: str, name: str, *arguments: Any) -> Callable[[], Any]:
    """Makes a PyTorch reference of a family's folder; torch is imported when it is called.

    Args:
      module: below `converters`, as "vgg19.reference".
    """

    def make() -> Any:
        found = importlib.import_module(f"playmate_jax.converters.{module}")
        return getattr(found, name)(*arguments)

    return make


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


def layer_pairs(run: Run, table: Table) -> list[tuple[str, str, str, int | None]]:
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


def torch_outputs(run: Run, state: Mapping[str, np.ndarray], inputs: list[np.ndarray]) -> Layers:
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
        torch.nn.PReLU,
    )
    found: dict[str, list[np.ndarray]] = {}

    def keep(name: str, layer: Any, _: Any, output: Any) -> None:
        if name and isinstance(output, tuple):  # PyTorch's attention: values and weights
            output = output[0]
        if name and not isinstance(output, torch.Tensor):
            return
        first = isinstance(layer, channels_first) or getattr(layer, "channels_first", False)
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


def flax_outputs(run: Run, leaves: Mapping[str, np.ndarray], inputs: list[np.ndarray]) -> dict:
    """Outputs of every Flax module in float32 by path; inputs are in PyTorch's axis order."""
    variables = unflatten_dict(own_arrays(leaves, run.part, "/"), sep="/")
    last = [np.moveaxis(x, 1, -1) if x.ndim > 3 else x for x in inputs]  # noqa: PLR2004
    with jax.default_matmul_precision("highest"):
        return jax.jit(run.layers)(variables, *(jnp.asarray(x) for x in last))


def both_sides(run: Run, table: Table, state: Mapping, leaves: Mapping) -> Iterator[tuple]:
    """(key, name, PyTorch's output in Flax's axis order or what is wrong, Flax's), in the order in
    which PyTorch computes them."""
    inputs = run.inputs()
    theirs = torch_outputs(run, own_arrays(state, run.part, "."), inputs)
    ours = flax_outputs(run, leaves, inputs)
    order = {name: i for i, name in enumerate(theirs)}
    for name, torch_path, flax_path, row in sorted(
        layer_pairs(run, table), key=lambda pair: order.get(pair[1], -1)
    ):
        wanted, found = theirs.get(torch_path, []), calls(ours, flax_path, row)
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


def calls(ours: Mapping[str, Any], path: str, row: int | None) -> list[np.ndarray]:
    """Outputs of one Flax module, call by call; `row` of the layers that it stacks."""
    outputs = [x for call in ours.get(path, []) for x in _leaves(call)]
    return [np.asarray(x if row is None else x[row]) for x in outputs]


def _leaves(output: Any) -> list[Any]:
    """Arrays of nested lists and dicts; a dict's in the order of its names."""
    if isinstance(output, Mapping):
        return [leaf for name in sorted(output) for leaf in _leaves(output[name])]
    if isinstance(output, list | tuple):
        return [leaf for item in output for leaf in _leaves(item)]
    return [] if output is None else [output]


def own_arrays(values: Mapping[str, Any], part: str, separator: str) -> dict[str, Any]:
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
