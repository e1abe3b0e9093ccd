"""Element-wise primitives as ONNX nodes; repeated axes stay repeated."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from playmate_jax.converters.to_onnx.graph import Graph, Value, constant
from playmate_jax.errors import UserError

Out = jax.ShapeDtypeStruct
Rule = Callable[[Graph, Mapping[str, Any], Sequence[Value], Out], Value]


def joint(inputs: Sequence[Value]) -> tuple[int, ...]:
    """The shape in which the result of an element-wise operation is stored."""
    return np.broadcast_shapes(*(x.stored for x in inputs))


def _node(graph: Graph, op: str, inputs: Sequence[Value], out: Out, dtype: Any = None) -> Value:
    stored = joint(inputs)
    if len(stored) < len(out.shape):  # of rank 0: JAX's own scalars
        stored = (1,) * (len(out.shape) - len(stored)) + stored
        inputs = [graph.with_axes(inputs[0], out.shape, stored), *inputs[1:]]
    return graph.add(op, inputs, tuple(out.shape), dtype or out.dtype, stored)


def _same(op: str) -> Rule:
    """The ONNX operation of that name computes the same."""
    return lambda graph, params, inputs, out: _node(graph, op, inputs, out)


def _logical(op: str) -> Rule:
    def rule(graph: Graph, params: Mapping[str, Any], inputs: Sequence[Value], out: Out) -> Value:
        if inputs[0].dtype != np.bool_:
            raise UserError(f"expected truth values for '{op}', found {inputs[0].dtype}")
        return _node(graph, op, inputs, out)

    return rule


def _extreme(op: str, logical: str) -> Rule:
    """Max and Min, which ONNX does not have of truth values."""

    def rule(graph: Graph, params: Mapping[str, Any], inputs: Sequence[Value], out: Out) -> Value:
        return _node(graph, logical if inputs[0].dtype == np.bool_ else op, inputs, out)

    return rule


def _not_equal(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    return _node(graph, "Not", [_node(graph, "Equal", inputs, out)], out)


def _square(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    return _node(graph, "Mul", [inputs[0], inputs[0]], out)


def _rsqrt(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    return _node(graph, "Reciprocal", [_node(graph, "Sqrt", inputs, out)], out)


def _erfc(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    one = constant(1, inputs[0].dtype)
    return _node(graph, "Sub", [one, _node(graph, "Erf", inputs, out)], out)


def _integer_pow(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    return _node(graph, "Pow", [inputs[0], constant(params["y"], inputs[0].dtype)], out)


def _select(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    which, *cases = inputs
    if which.dtype != np.bool_ or len(cases) != 2:
        raise UserError(f"expected a choice of two by truth values, found {len(cases)} cases")
    return _node(graph, "Where", [which, cases[1], cases[0]], out)


def _clamp(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    low, x, high = inputs
    return _node(graph, "Min", [_node(graph, "Max", [x, low], out), high], out)


def _cast(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    return graph.cast(inputs[0], out.dtype)


def _identity(graph: Graph, params: Mapping, inputs: Sequence[Value], out: Out) -> Value:
    return inputs[0]


TABLE: dict[str, Rule] = {
    **{name: _same(op) for name, op in {
        "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "neg": "Neg", "abs": "Abs",
        "sign": "Sign", "floor": "Floor", "ceil": "Ceil", "exp": "Exp", "log": "Log",
        "sqrt": "Sqrt", "sin": "Sin", "cos": "Cos", "tanh": "Tanh", "logistic": "Sigmoid",
        "erf": "Erf", "pow": "Pow", "eq": "Equal", "lt": "Less", "le": "LessOrEqual",
        "gt": "Greater", "ge": "GreaterOrEqual",
    }.items()},
    "max": _extreme("Max", "Or"),
    "min": _extreme("Min", "And"),
    "and": _logical("And"),
    "or": _logical("Or"),
    "not": _logical("Not"),
    "ne": _not_equal,
    "square": _square,
    "rsqrt": _rsqrt,
    "erfc": _erfc,
    "integer_pow": _integer_pow,
    "select_n": _select,
    "clamp": _clamp,
    "convert_element_type": _cast,
    "copy": _identity,
    "stop_gradient": _identity,
}  # fmt: skip

# The same of constants, by NumPy: JAX would compile a program for every shape.
_NUMPY: dict[str, Callable[..., np.ndarray]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "max": np.maximum, "min": np.minimum,
    "neg": np.negative, "abs": np.abs, "square": np.square, "floor": np.floor, "sqrt": np.sqrt,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "and": np.bitwise_and, "or": np.bitwise_or, "not": np.invert,
    "copy": np.asarray, "stop_gradient": np.asarray,
}  # fmt: skip


def computed(eqn: Any, inputs: Sequence[Value]) -> Value:
    """An equation whose inputs are constants; repeated axes stay repeated."""
    out, name = eqn.outvars[0].aval, eqn.primitive.name
    stored = joint(inputs)
    stored = (1,) * (len(out.shape) - len(stored)) + stored
    arrays = [np.broadcast_to(x.array, stored) for x in inputs if x.array is not None]
    if name == "convert_element_type":
        found = arrays[0].astype(out.dtype)
    elif name == "div" and np.issubdtype(out.dtype, np.floating):
        found = np.divide(*arrays)
    elif name == "select_n" and arrays[0].dtype == np.bool_:
        found = np.where(arrays[0], arrays[2], arrays[1])
    elif name in _NUMPY:
        found = _NUMPY[name](*arrays)
    else:
        found = eqn.primitive.bind(*arrays, **eqn.params)
    return Value(tuple(out.shape), stored, np.dtype(out.dtype), array=np.asarray(found, out.dtype))
