"""ONNX files as a list of nodes and arrays; nothing of them is run.

An ONNX file holds a graph of operations, whose numbers have names or not, so a family that is
published as one follows the graph instead of names (`arcface/onnx_graph.py`).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from playmate_jax.errors import UserError

SUFFIX = ".onnx"
KEY = "onnx"  # under which `read` gives the graph


@dataclass(frozen=True)
class Node:
    """One operation: what it reads and writes by name, and its settings."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """A file's operations in their order.

    Attributes:
      path: of the file, for error messages.
      inputs, outputs: names of what the graph reads, without its arrays, and of what it gives.
      arrays: all stored numbers, by name.
    """

    path: Path
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    arrays: dict[str, np.ndarray]


def read(path: str | Path) -> dict[str, Graph]:
    """A file's graph, under `KEY`.

    Raises:
      UserError: the package onnx is missing, the file is damaged, or its numbers lie elsewhere.
    """
    path = Path(path)
    try:
        import onnx
    except ImportError:
        raise UserError(f"reading {path} needs onnx: pip install 'playmate-jax[onnx]'") from None
    try:
        model = onnx.load_model(path, load_external_data=False)
    except Exception:  # protobuf's errors have no class that its versions share
        raise UserError(f"expected an ONNX file at {path}, found damage; fetch it again") from None
    graph = model.graph
    outside = [x.name for x in graph.initializer if onnx.external_data_helper.uses_external_data(x)]
    if outside:
        raise UserError(
            f"expected all numbers inside of {path}, found {outside[0]} in another file: save the "
            "model as one file"
        )
    try:
        arrays = {x.name: onnx.numpy_helper.to_array(x) for x in graph.initializer}
        nodes = [_node(onnx, node) for node in graph.node]
    except (ValueError, TypeError, KeyError):  # numbers that do not fill their shape
        raise UserError(f"{path} is damaged; fetch it again") from None
    arrays |= {
        node.outputs[0]: node.attributes["value"]
        for node in nodes
        if node.op == "Constant" and isinstance(node.attributes.get("value"), np.ndarray)
    }
    inputs = tuple(x.name for x in graph.input if x.name not in arrays)
    outputs = tuple(x.name for x in graph.output)
    return {KEY: Graph(path, tuple(nodes), inputs, outputs, arrays)}


def _node(onnx: Any, node: Any) -> Node:
    attributes = {}
    for attribute in node.attribute:
        value = onnx.helper.get_attribute_value(attribute)
        if isinstance(value, onnx.TensorProto):
            value = onnx.numpy_helper.to_array(value)
        attributes[attribute.name] = value
    return Node(node.op_type, tuple(node.input), tuple(node.output), attributes)
