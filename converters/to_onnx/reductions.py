"""Sums and extremes over axes as ONNX nodes."""

from collections.abc import Mapping, Sequence

import numpy as np

from playmate_jax.converters.to_onnx.elementwise import Out, Rule
from playmate_jax.converters.to_onnx.graph import Graph, Value, integers
from playmate_jax.errors import UserError


def _over_axes(op: str) -> Rule:
    def rule(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
        if not params["axes"]:
            return inputs[0]
        given = [graph.whole(inputs[0]), integers(params["axes"])]
        return graph.add(op, given, tuple(out.shape), out.dtype, keepdims=0)

    return rule


def _position(op: str) -> Rule:
    def rule(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
        if len(params["axes"]) != 1:
            raise UserError(f"expected a position along one axis, found {len(params['axes'])}")
        axis = int(params["axes"][0])
        x = graph.whole(inputs[0])
        found = graph.add(op, [x], tuple(out.shape), np.int64, axis=axis, keepdims=0)
        return graph.cast(found, out.dtype)

    return rule


TABLE = {
    "reduce_sum": _over_axes("ReduceSum"),
    "reduce_max": _over_axes("ReduceMax"),
    "reduce_min": _over_axes("ReduceMin"),
    "argmax": _position("ArgMax"),
    "argmin": _position("ArgMin"),
}
