"""Primitives that move numbers without computing any, as ONNX nodes."""

from collections.abc import Mapping, Sequence

import numpy as np

from playmate_jax.converters.to_onnx.elementwise import Out
from playmate_jax.converters.to_onnx.graph import Graph, Value, constant, integers
from playmate_jax.errors import UserError


def _broadcast(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    stored = [1] * len(out.shape)
    for axis, n in zip(params["broadcast_dimensions"], inputs[0].stored, strict=True):
        stored[axis] = n
    return graph.with_axes(inputs[0], tuple(out.shape), tuple(stored))


def _reshape(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    if params["dimensions"] is not None:
        raise UserError("expected a reshape of axes in their order, found another order")
    return graph.reshape(inputs[0], tuple(out.shape))


def _squeeze(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    dropped = {axis % len(inputs[0].shape) for axis in params["dimensions"]}
    stored = tuple(n for axis, n in enumerate(inputs[0].stored) if axis not in dropped)
    return graph.with_axes(inputs[0], tuple(out.shape), stored)


def _transpose(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    return graph.transpose(inputs[0], params["permutation"])


def _slice(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    x, strides = inputs[0], params["strides"] or (1,) * len(out.shape)
    if x.array is not None:
        cut = zip(params["start_indices"], params["limit_indices"], strides, strict=True)
        return constant(x.numpy()[tuple(slice(*part) for part in cut)])
    axes = [axis for axis, n in enumerate(x.stored) if n > 1 and out.shape[axis] != x.shape[axis]]
    stored = tuple(out.shape[a] if n > 1 else n for a, n in enumerate(x.stored))
    if not axes:
        return graph.with_axes(x, tuple(out.shape), stored)
    parts = (params["start_indices"], params["limit_indices"], range(len(x.shape)), strides)
    chosen = [integers([part[axis] for axis in axes]) for part in parts]
    return graph.add("Slice", [x, *chosen], tuple(out.shape), x.dtype, stored)


def _pad(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    before, after, between = zip(*params["padding_config"], strict=True)
    if any(between):
        raise UserError("expected padding at the ends of axes, found some between cells")
    x, value = inputs
    given = [graph.whole(x), integers([*before, *after]), value]
    return graph.add("Pad", given, tuple(out.shape), x.dtype)


def _concatenate(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    parts = [graph.whole(x) for x in inputs]
    return graph.add("Concat", parts, tuple(out.shape), out.dtype, axis=int(params["dimension"]))


def _stack(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    axis = int(params["axis"])
    shape = (*out.shape[:axis], 1, *out.shape[axis + 1 :])
    parts = [graph.reshape(x, shape) for x in inputs]
    return graph.add("Concat", parts, tuple(out.shape), out.dtype, axis=axis)


def _split(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> list[Value]:
    x, axis = graph.whole(inputs[0]), int(params["axis"])
    shapes = [(*x.shape[:axis], int(n), *x.shape[axis + 1 :]) for n in params["sizes"]]
    return graph.add_many("Split", [x, integers(params["sizes"])], shapes, x.dtype, axis=axis)


def _reverse(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    axes, n = params["dimensions"], len(params["dimensions"])
    # the smallest integer is "before the first cell" in ONNX, whatever the size
    ends = constant([np.iinfo(np.int64).min] * n, np.int64)
    given = [graph.whole(inputs[0]), integers([-1] * n), ends, integers(axes), integers([-1] * n)]
    return graph.add("Slice", given, tuple(out.shape), out.dtype)


# Those of `FOLDED` give a constant of constants, without JAX.
FOLDED = {
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "squeeze": _squeeze,
    "transpose": _transpose,
    "slice": _slice,
}
TABLE = FOLDED | {
    "pad": _pad,
    "concatenate": _concatenate,
    "stack": _stack,
    "split": _split,
    "rev": _reverse,
}
