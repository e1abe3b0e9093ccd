"""A JAX function to an ONNX graph: traced at fixed shapes, then written primitive by primitive.

Calls inside of it are inlined, loops of known length are unrolled, what depends on constants alone
is computed by JAX now, and nodes that nothing reads are left out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.extend import core

from playmate_jax.converters.to_onnx import (
    contractions,
    elementwise,
    formulations,
    gathers,
    reductions,
    shapes,
)
from playmate_jax.converters.to_onnx.graph import Graph, Node, Value, constant
from playmate_jax.errors import UserError

TABLE: dict[str, Callable[..., Any]] = {
    **elementwise.TABLE,
    **shapes.TABLE,
    **contractions.TABLE,
    **reductions.TABLE,
    **gathers.TABLE,
}
# Primitives that only call a function, and where their parameters have it.
CALLS = {
    "jit": "jaxpr",
    "closed_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "checkpoint": "jaxpr",
    "remat2": "jaxpr",
}
# Functions with a derivative of their own that ONNX has as one operation, by their names.
NAMED: dict[str, Callable[[Graph, Sequence[Value]], Value]] = {
    "depthwise_conv1d": contractions.depthwise,
    "depthwise_conv2d": contractions.depthwise,
}


@dataclass(frozen=True)
class Translation:
    """A finished graph.

    Attributes:
      inputs: what is given when it runs, named.
      outputs: by their names in the file.
      nodes: in an order in which each can be run.
    """

    inputs: tuple[Value, ...]
    outputs: dict[str, Value]
    nodes: tuple[Node, ...]


def translate(
    function: Callable[..., Mapping[str, jax.Array]],
    params: Any,
    inputs: Mapping[str, jax.ShapeDtypeStruct],
    network: str,
) -> Translation:
    """The graph of `function(params, **inputs)`, which gives arrays by name.

    Args:
      params: a tree of arrays: constants of the graph.
      inputs: shapes and types of what is given when the graph runs.
      network: its name in errors.

    Raises:
      UserError: the function does something that cannot be written as ONNX.
    """
    traced, out = jax.make_jaxpr(lambda p, given: dict(function(p, **given)), return_shape=True)(
        params, dict(inputs)
    )
    graph = Graph()
    given = {name: graph.input(name, x.shape, x.dtype) for name, x in inputs.items()}
    weights = [constant(leaf) for leaf in jax.tree.leaves(params)]
    arguments = [*weights, *(given[name] for name in sorted(given))]
    try:
        found = _run(graph, traced.jaxpr, traced.consts, arguments)
    except UserError as error:
        raise UserError(f"{network} cannot be written as ONNX: {error}") from None
    # make_jaxpr flattens dicts in the order of their keys, and so do we
    outputs = {name: graph.whole(x) for name, x in zip(sorted(out), found, strict=True)}
    return Translation(tuple(given.values()), outputs, _needed(graph, outputs.values()))


def _run(graph: Graph, jaxpr: Any, consts: Sequence[Any], arguments: Sequence[Value]):
    """The values of a jaxpr's outputs; its nodes are added to the graph."""
    known: dict[Any, Value] = dict(zip(jaxpr.constvars, map(constant, consts), strict=True))
    known |= dict(zip(jaxpr.invars, arguments, strict=True))

    def read(atom: Any) -> Value:
        if isinstance(atom, core.Literal):
            return constant(atom.val, atom.aval.dtype)
        return known[atom]

    for eqn in jaxpr.eqns:
        found = _equation(graph, eqn, [read(atom) for atom in eqn.invars])
        known |= dict(zip(eqn.outvars, found, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _equation(graph: Graph, eqn: Any, inputs: list[Value]) -> list[Value]:
    name, params = eqn.primitive.name, eqn.params
    if name in CALLS:
        return _call(graph, params[CALLS[name]], inputs)
    if name == "scan":
        return _scan(graph, params, inputs)
    if name == "custom_linear_solve":
        return _solve(graph, params, inputs)
    if name not in shapes.FOLDED and all(x.array is not None for x in inputs):
        return _computed(eqn, inputs)
    out = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in eqn.outvars]
    if name in formulations.TABLE:
        return _formulated(graph, formulations.TABLE[name], params, inputs)
    if name not in TABLE:
        raise UserError(f"expected known primitives of JAX, found '{name}'")
    found = TABLE[name](graph, params, inputs, out[0])
    return found if isinstance(found, list) else [found]


def _call(graph: Graph, called: Any, inputs: list[Value]) -> list[Value]:
    jaxpr = getattr(called, "jaxpr", called)
    info = getattr(jaxpr, "debug_info", None)
    whole = NAMED.get(info.func_name if info is not None else "")
    if whole is not None and len(jaxpr.outvars) == 1:
        return [whole(graph, inputs)]
    return _run(graph, jaxpr, getattr(called, "consts", ()), inputs)


def _scan(graph: Graph, params: Mapping[str, Any], inputs: list[Value]) -> list[Value]:
    """A loop over the first axis of some inputs, unrolled."""
    n, carried = params["num_consts"], params["num_carry"]
    fixed, carry, rows = inputs[:n], inputs[n : n + carried], inputs[n + carried :]
    turns = range(params["length"])
    each: dict[int, list[Value]] = {}
    for turn in reversed(turns) if params["reverse"] else turns:
        own = [_row(graph, x, turn) for x in rows]
        found = _run(graph, params["jaxpr"].jaxpr, params["jaxpr"].consts, [*fixed, *carry, *own])
        carry, each[turn] = found[:carried], found[carried:]
    stacked = []
    for column in zip(*(each[turn] for turn in turns), strict=True):
        shape = (len(turns), *column[0].shape)
        parts = [graph.reshape(x, (1, *x.shape)) for x in column]
        stacked.append(graph.add("Concat", parts, shape, column[0].dtype, axis=0))
    return [*carry, *stacked]


def _row(graph: Graph, x: Value, i: int) -> Value:
    if x.array is not None:
        return constant(x.numpy()[i])
    return graph.add(
        "Gather", [graph.whole(x), constant(i, np.int64)], x.shape[1:], x.dtype, axis=0
    )


def _solve(graph: Graph, params: Mapping[str, Any], inputs: list[Value]) -> list[Value]:
    """A linear system is solved as JAX solves it; what its derivatives need is left out."""
    lengths, solve = params["const_lengths"], params["jaxprs"].solve
    start = lengths.matvec + lengths.vecmat
    right = inputs[sum(lengths) :]
    return _run(graph, solve.jaxpr, solve.consts, [*inputs[start : start + lengths.solve], *right])


def _formulated(
    graph: Graph, function: Callable, params: Mapping[str, Any], inputs: list[Value]
) -> list[Value]:
    given = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in inputs]
    traced = jax.make_jaxpr(lambda *arrays: function(*arrays, **params))(*given)
    return _run(graph, traced.jaxpr, traced.consts, inputs)


def _computed(eqn: Any, inputs: list[Value]) -> list[Value]:
    """What depends on constants alone."""
    if eqn.primitive.name in elementwise.TABLE:
        return [elementwise.computed(eqn, inputs)]
    found = eqn.primitive.bind(*(x.numpy() for x in inputs), **eqn.params)
    return [constant(x) for x in (found if eqn.primitive.multiple_results else [found])]


def _needed(graph: Graph, outputs: Iterable[Value]) -> tuple[Node, ...]:
    """The nodes that some output depends on, in their order."""
    read, kept = {x.name for x in outputs}, []
    for node in reversed(graph.nodes):
        if read & set(node.outputs):
            kept.append(node)
            read |= {x.name for x in node.inputs}
    return tuple(reversed(kept))
