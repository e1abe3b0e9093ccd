"""Graphs as .onnx files: one file each, its arrays inside."""

from pathlib import Path
from typing import Any

import numpy as np

from playmate_jax.converters.to_onnx.graph import Node, Value
from playmate_jax.converters.to_onnx.translation import Translation
from playmate_jax.errors import UserError

OPSET, IR_VERSION = 18, 8  # of 2022: every engine that is in use reads them
LARGEST = 2**31 - 1  # bytes of a protobuf message
SHARED = 1024  # numbers up to which equal constants are stored once


def package() -> Any:
    """The package onnx.

    Raises:
      UserError: it is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise UserError(
            "expected the package onnx, which writes ONNX files, found none: "
            "pip install 'playmate-jax[onnx]'"
        ) from None
    return onnx


def model_of(translation: Translation, name: str, description: str) -> Any:
    """A graph as onnx's ModelProto, which its checker accepts."""
    onnx = package()
    arrays = _Arrays(onnx)
    nodes = [_node(onnx, arrays, node) for node in translation.nodes]
    inputs = [_described(onnx, x.name, x) for x in translation.inputs]
    outputs = []
    for output, x in translation.outputs.items():
        read = arrays.name(x)
        nodes.append(onnx.helper.make_node("Identity", [read], [output]))
        outputs.append(_described(onnx, output, x))
    graph = onnx.helper.make_graph(nodes, name, inputs, outputs, list(arrays.stored.values()))
    model = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="playmate_jax",
        doc_string=description,
    )
    if (found := model.ByteSize()) > LARGEST:
        raise UserError(f"expected a network below 2 GiB, found {found:,} bytes of {name}")
    onnx.checker.check_model(model)
    return model


def write(model: Any, path: Path) -> int:
    """Writes a file and returns its size in bytes; `path` is in a temporary folder."""
    content = model.SerializeToString()
    path.write_bytes(content)
    return len(content)


class _Arrays:
    """The constants of a file; small ones that are equal are stored once."""

    def __init__(self, onnx: Any):
        self._onnx, self.stored, self._names = onnx, {}, {}

    def name(self, x: Value) -> str:
        """What a node reads the value by."""
        if x.array is None:
            return x.name
        array = np.ascontiguousarray(x.array).reshape(x.stored)
        content = array.tobytes() if array.size <= SHARED else id(x.array)
        key = (array.dtype.str, array.shape, content)
        if key not in self._names:
            name = self._names[key] = f"constant_{len(self._names)}"
            self.stored[name] = self._onnx.numpy_helper.from_array(array, name)
        return self._names[key]


def _node(onnx: Any, arrays: _Arrays, node: Node) -> Any:
    attributes = {
        name: onnx.helper.np_dtype_to_tensor_dtype(value)
        if isinstance(value, np.dtype)
        else [int(i) for i in value]
        if isinstance(value, (list, tuple))
        else int(value)
        for name, value in node.attributes.items()
    }
    names = [arrays.name(x) for x in node.inputs]
    return onnx.helper.make_node(node.op, names, list(node.outputs), node.outputs[0], **attributes)


def _described(onnx: Any, name: str, x: Value) -> Any:
    kind = onnx.helper.np_dtype_to_tensor_dtype(x.dtype)
    return onnx.helper.make_tensor_value_info(name, kind, list(x.shape))
