"""An ONNX graph being written: values, nodes in their order, and arrays.

A value may be stored with fewer numbers than its shape says: an axis of n equal cells has one.
ONNX's element-wise operations repeat such an axis themselves, so that most broadcasts need no node
and constants stay small.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, SupportsIndex

import numpy as np


@dataclass(frozen=True)
class Value:
    """One array of the graph.

    Attributes:
      shape: as JAX has it.
      stored: its shape in the graph, 1 where an axis of `shape` is repeated.
      name: of what is computed when the graph runs; "" for constants.
      array: the numbers of a constant, of shape `stored`; None for what is computed.
    """

    shape: tuple[int, ...]
    stored: tuple[int, ...]
    dtype: np.dtype
    name: str = ""
    array: np.ndarray | None = None

    def numpy(self) -> np.ndarray:
        """A constant's numbers, of shape `shape`, without a copy."""
        assert self.array is not None
        return np.broadcast_to(self.array, self.shape)


@dataclass(frozen=True)
class Node:
    """One operation: its inputs, the names it gives, and its attributes."""

    op: str
    inputs: tuple[Value, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


def constant(array: Any, dtype: Any = None) -> Value:
    """A constant; Python numbers become arrays of rank 0."""
    array = np.asarray(array, dtype)
    return Value(array.shape, array.shape, array.dtype, array=array)


class Graph:
    """The nodes so far; its methods add one where it is needed and give its value."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def input(self, name: str, shape: tuple[int, ...], dtype: Any) -> Value:
        """A value that is given when the graph runs."""
        return Value(shape, shape, np.dtype(dtype), name)

    def add(
        self,
        op: str,
        inputs: Sequence[Value],
        shape: tuple[int, ...],
        dtype: Any,
        stored: tuple[int, ...] | None = None,
        **attributes: Any,
    ) -> Value:
        """A node of one output, of that shape and type."""
        return self.add_many(op, inputs, [shape], dtype, stored, **attributes)[0]

    def add_many(
        self,
        op: str,
        inputs: Sequence[Value],
        shapes: Sequence[tuple[int, ...]],
        dtype: Any,
        stored: tuple[int, ...] | None = None,
        **attributes: Any,
    ) -> list[Value]:
        """A node of several outputs, of these shapes and one type."""
        names = tuple(f"{op}_{len(self.nodes)}_{i}" for i in range(len(shapes)))
        self.nodes.append(Node(op, tuple(inputs), names, attributes))
        made = zip(names, shapes, strict=True)
        return [Value(shape, stored or shape, np.dtype(dtype), name) for name, shape in made]

    def whole(self, x: Value) -> Value:
        """The value with all of its numbers stored."""
        if x.stored == x.shape:
            return x
        return self.add("Expand", [x, integers(x.shape)], x.shape, x.dtype)

    def reshape(self, x: Value, shape: tuple[int, ...]) -> Value:
        """The value's numbers in their order, in another shape."""
        x = self.whole(x)
        if shape == x.shape:
            return x
        if x.array is not None:
            return constant(x.array.reshape(shape))
        return self.add("Reshape", [x, integers(shape)], shape, x.dtype)

    def with_axes(self, x: Value, shape: tuple[int, ...], stored: tuple[int, ...]) -> Value:
        """The value with axes of one cell, or repeated ones, put in or left out."""
        if x.array is not None:
            return Value(shape, stored, x.dtype, array=x.array.reshape(stored))
        if stored != x.stored:
            x = self.add("Reshape", [x, integers(stored)], stored, x.dtype)
        return replace(x, shape=shape, stored=stored)

    def transpose(self, x: Value, axes: Iterable[SupportsIndex]) -> Value:
        """The value with its axes in another order."""
        order = [int(axis) for axis in axes]
        shape, stored = (tuple(s[axis] for axis in order) for s in (x.shape, x.stored))
        if order == sorted(order):
            return x
        if x.array is not None:
            return Value(shape, stored, x.dtype, array=x.array.transpose(order))
        kept = [axis for axis in order if x.stored[axis] > 1]
        if kept == sorted(kept):  # only axes of one cell move
            return self.with_axes(x, shape, stored)
        return self.add("Transpose", [x], shape, x.dtype, stored, perm=order)

    def cast(self, x: Value, dtype: Any) -> Value:
        """The value as another type of numbers."""
        dtype = np.dtype(dtype)
        if dtype == x.dtype:
            return x
        if x.array is not None:
            return replace(x, dtype=dtype, array=x.array.astype(dtype))
        return self.add("Cast", [x], x.shape, dtype, x.stored, to=dtype)


def integers(values: Iterable[SupportsIndex]) -> Value:
    """Shapes and axes as ONNX wants them."""
    return constant([int(value) for value in values], np.int64)


def size(shape: Iterable[SupportsIndex]) -> int:
    """How many numbers an array of that shape has."""
    return math.prod(int(n) for n in shape)
