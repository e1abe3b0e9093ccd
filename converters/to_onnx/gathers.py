"""Reading at indices as Gather and GatherND nodes.

JAX's gather cuts a slice at every index. What networks ask for, and all that is written here, is
slices that are single cells of some axes and whole in all others.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jax.lax import GatherScatterMode

from playmate_jax.converters.to_onnx.elementwise import Out
from playmate_jax.converters.to_onnx.graph import Graph, Value, constant
from playmate_jax.errors import UserError


def _gather(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    """(batch axes, looked-up axes, whole axes) read at (batch axes, index axes, coordinates) gives
    (batch axes, index axes, whole axes), whose axes are then put where JAX has them."""
    x, index = (graph.whole(value) for value in inputs)
    numbers = params["dimension_numbers"]
    batch = list(numbers.operand_batching_dims)
    index_batch = list(numbers.start_indices_batching_dims)
    looked_up = list(numbers.start_index_map)
    whole = [axis for axis in range(len(x.shape)) if axis not in (*batch, *looked_up)]
    sizes = params["slice_sizes"]
    if any(sizes[a] != 1 for a in looked_up) or any(sizes[a] != x.shape[a] for a in whole):
        raise UserError("expected a gather of single cells, found one of slices")
    index = _in_bounds(graph, index, [x.shape[axis] for axis in looked_up], params["mode"])
    free = [axis for axis in range(len(index.shape) - 1) if axis not in index_batch]
    index = graph.transpose(index, (*index_batch, *free, len(index.shape) - 1))
    x = graph.transpose(x, (*batch, *looked_up, *whole))
    shape = (*index.shape[:-1], *x.shape[len(batch) + len(looked_up) :])
    if not batch and len(looked_up) == 1:
        index = graph.reshape(index, index.shape[:-1])
        found = graph.add("Gather", [x, index], shape, x.dtype, axis=0)
    else:
        found = graph.add("GatherND", [x, index], shape, x.dtype, batch_dims=len(batch))
    return _placed(graph, found, numbers, (index_batch, free, looked_up, whole))


def _placed(graph: Graph, found: Value, numbers, axes) -> Value:
    """Index axes and whole ones in JAX's order; looked-up axes that it keeps have one cell."""
    index_batch, free, looked_up, whole = axes
    offsets = list(numbers.offset_dims)
    places = [p for p in range(len(offsets) + len(index_batch) + len(free)) if p not in offsets]
    kept = [a for a in sorted([*looked_up, *whole]) if a not in numbers.collapsed_slice_dims]
    by_place = {places[axis]: n for n, axis in enumerate([*index_batch, *free])}
    by_place |= {
        place: len(index_batch) + len(free) + whole.index(axis)
        for place, axis in zip(offsets, kept, strict=True)
        if axis in whole
    }
    found = graph.transpose(found, [by_place[place] for place in sorted(by_place)])
    shape = list(found.shape)
    for place, axis in zip(offsets, kept, strict=True):
        if axis in looked_up:
            shape.insert(place, 1)
    return graph.reshape(found, tuple(shape))


def _in_bounds(graph: Graph, index: Value, sizes: Sequence[int], mode: GatherScatterMode) -> Value:
    """Indices as int64, clipped where JAX clips them.

    Raises:
      UserError: indices that are computed may lie outside, and what is read there be filled.
    """
    last = np.array(sizes) - 1
    if mode == GatherScatterMode.CLIP:
        index = _clipped(graph, index, last)
    elif mode == GatherScatterMode.FILL_OR_DROP:
        if index.array is None or (index.numpy() < 0).any() or (index.numpy() > last).any():
            raise UserError("expected indices that are known to lie inside, found others")
    return graph.cast(index, np.int64)


def _clipped(graph: Graph, index: Value, last: np.ndarray) -> Value:
    if index.array is not None:
        return constant(np.clip(index.numpy(), 0, last), index.dtype)
    zero, last_value = constant(0, index.dtype), constant(last, index.dtype)
    index = graph.add("Max", [index, zero], index.shape, index.dtype)
    return graph.add("Min", [index, last_value], index.shape, index.dtype)


TABLE = {"gather": _gather}
