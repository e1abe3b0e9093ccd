"""Products of matrices and convolutions as ONNX nodes.

JAX names the axes of a product; ONNX multiplies the last two and repeats the others. JAX's images
are (b, h, w, c), ONNX's (b, c, h, w): engines remove the transpositions between layers.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from playmate_jax.converters.to_onnx.elementwise import Out
from playmate_jax.converters.to_onnx.graph import Graph, Value, size
from playmate_jax.errors import UserError


def _dot(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    (contract_x, contract_y), (batch_x, batch_y) = params["dimension_numbers"]
    x, y = (graph.whole(value) for value in inputs)
    free_x, free_y = _others(x, contract_x, batch_x), _others(y, contract_y, batch_y)
    x = graph.transpose(x, (*batch_x, *free_x, *contract_x))
    y = graph.transpose(y, (*batch_y, *contract_y, *free_y))
    inner, lead = size([inputs[0].shape[axis] for axis in contract_x]), len(batch_x)
    rows, columns = x.shape[lead : lead + len(free_x)], y.shape[lead + len(contract_y) :]
    if lead or len(rows) == 0:  # rows stay apart where all of x meets one matrix
        x = graph.reshape(x, (*x.shape[:lead], size(rows), inner))
    else:
        x = graph.reshape(x, (*rows, inner))
    y = graph.reshape(y, (*y.shape[:lead], inner, size(columns)))
    product = graph.add("MatMul", [x, y], (*x.shape[:-1], y.shape[-1]), out.dtype)
    return graph.reshape(product, tuple(out.shape))


def _others(x: Value, *taken: Sequence[int]) -> list[int]:
    return [axis for axis in range(len(x.shape)) if axis not in np.concatenate(taken)]


def _convolution(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    numbers = params["dimension_numbers"]
    if params["batch_group_count"] != 1 or set(params["lhs_dilation"]) != {1}:
        raise UserError("expected a plain convolution, found one of a dilated input or batch")
    x, kernel = (graph.whole(value) for value in inputs)
    x = graph.transpose(x, numbers.lhs_spec)
    kernel = graph.transpose(kernel, numbers.rhs_spec)
    before, after = zip(*params["padding"], strict=True)
    if min(*before, *after) < 0:
        raise UserError("expected padding of a convolution, found cells that are cut off")
    shape = tuple(out.shape[axis] for axis in numbers.out_spec)
    made = graph.add(
        "Conv", [x, kernel], shape, out.dtype,
        kernel_shape=list(kernel.shape[2:]), strides=list(params["window_strides"]),
        pads=[*before, *after], dilations=list(params["rhs_dilation"]),
        group=params["feature_group_count"],
    )  # fmt: skip
    return graph.transpose(made, np.argsort(numbers.out_spec))


def depthwise(graph: Graph, inputs: Sequence[Value]) -> Value:
    """models/depthwise.py's convolutions over (b, *cells, c) with an odd kernel (*taps, c): one
    node instead of as many as there are taps."""
    x, kernel = inputs
    rank = len(x.shape)
    window, channels = kernel.shape[:-1], kernel.shape[-1]
    kernel = graph.reshape(graph.transpose(kernel, (rank - 2, *range(rank - 2))),
                           (channels, 1, *window))  # fmt: skip
    x = graph.transpose(graph.whole(x), (0, rank - 1, *range(1, rank - 1)))
    made = graph.add(
        "Conv", [x, kernel], x.shape, x.dtype, kernel_shape=list(window),
        pads=[n // 2 for n in window] * 2, group=channels,
    )  # fmt: skip
    return graph.transpose(made, (0, *range(2, rank), 1))


TABLE = {"dot_general": _dot, "conv_general_dilated": _convolution}
