"""IResNet in an ONNX graph, as insightface publishes `w600k_r50.onnx`, under arcface_torch's names.

Numbers have no reliable names there, so the graph is followed from its input to its output. A
BatchNorm behind a convolution may be folded into it: its convolution then has a bias, and the norm
becomes one that only adds that bias. Anything that is not IResNet as `models/iresnet.py` computes
it is refused, first of all another preprocessing: the input is (b, 3, h, w) in [-1, 1], RGB.
"""

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from playmate_jax.converters.family import Layout
from playmate_jax.converters.onnx_files import KEY, Graph, Node
from playmate_jax.errors import UserError
from playmate_jax.models.normalization import EPSILON

_SAME = ("Identity", "Dropout")  # give what they read
_NORM = ("weight", "bias", "running_mean", "running_var")
State = dict[str, np.ndarray]


def state_of(graph: Graph) -> State:
    """The state dict of a graph.

    Raises:
      UserError: the graph is not IResNet's; says where it first differs.
    """
    walk = _Walk(graph)
    at = walk.conv(graph.inputs[0] if graph.inputs else "", "conv1", "bn1", 3, 1)
    at = walk.prelu(at, "prelu")
    layer, block = 0, 0
    while len(readers := walk.readers.get(at, [])) > 1:
        project = any(node.op == "Conv" for node in readers)
        layer, block = layer + project, 0 if project else block + 1
        name = f"layer{layer}.{block}."
        y = walk.norm(at, f"{name}bn1")
        y = walk.conv(y, f"{name}conv1", f"{name}bn2", 3, 1)
        y = walk.prelu(y, f"{name}prelu")
        y = walk.conv(y, f"{name}conv2", f"{name}bn3", 3, 2 if project else 1)
        if project:
            at = walk.conv(at, f"{name}downsample.0", f"{name}downsample.1", 1, 2)
        at = walk.add(at, y)
    at = walk.flat(walk.norm(at, "bn2"))
    at = walk.dense(at, "fc", "features")
    walk.finish(at)
    return walk.state


class _Walk:
    """Where in a graph we are, and the tensors that were passed."""

    def __init__(self, graph: Graph):
        self.graph, self.state = graph, State()
        self.names: dict[str, str] = {}  # of what only repeats something: the original's
        self.readers: dict[str, list[Node]] = {}
        self.left = 0
        for node in graph.nodes:
            stored = bool(node.inputs) and self.resolve(node.inputs[0]) in graph.arrays
            if node.op in _SAME or (node.op == "Unsqueeze" and stored):  # of slopes
                self.names[node.outputs[0]] = self.resolve(node.inputs[0])
            elif node.op != "Constant":
                self.left += 1
                for name in {self.resolve(name) for name in node.inputs}:
                    self.readers.setdefault(name, []).append(node)

    def resolve(self, name: str) -> str:
        return self.names.get(name, name)

    def refuse(self, found: str) -> NoReturn:
        raise UserError(
            f"expected ArcFace's IResNet in {self.graph.path}, as arcface_torch exports it, found "
            f"{found}: convert the state dict that it was exported from"
        )

    def find(self, at: str, *ops: str) -> Node | None:
        """The one node of such an operation that reads what we have, if there is one."""
        found = [node for node in self.readers.get(at, []) if node.op in ops]
        self.left -= len(found) == 1
        return found[0] if len(found) == 1 else None

    def step(self, at: str, *ops: str) -> Node:
        """The one node of such an operation that reads what we have."""
        if (node := self.find(at, *ops)) is None:
            others = ", ".join(node.op for node in self.readers.get(at, [])) or "nothing"
            self.refuse(f"{others} where {' or '.join(ops)} should read '{at}'")
        return node

    def array(self, node: Node, i: int) -> np.ndarray:
        name = self.resolve(node.inputs[i])
        if name not in self.graph.arrays:
            self.refuse(f"{node.op} with '{name}', which is no stored array")
        return self.graph.arrays[name]

    def demand(self, attributes: Mapping[str, Any], **values: Any) -> None:
        """Refuses other settings than these, which are ONNX's own where one is left out."""
        for name, value in values.items():
            if (found := attributes.get(name, value)) != value:
                self.refuse(f"{name} {found} where {value} should be")

    def norm(self, at: str, name: str) -> str:
        """BatchNorm with the statistics that the file stores."""
        node = self.step(at, "BatchNormalization")
        if not np.isclose(node.attributes.get("epsilon", EPSILON), EPSILON, rtol=1e-3):
            self.refuse(f"BatchNormalization with epsilon {node.attributes['epsilon']:.1e}")
        self.keep_norm(name, *(self.array(node, i) for i in range(1, 5)))
        return self.resolve(node.outputs[0])

    def keep_norm(self, name: str, *values: np.ndarray) -> None:
        self.state |= {f"{name}.{leaf}": value for leaf, value in zip(_NORM, values, strict=True)}

    def conv(self, at: str, name: str, norm: str, kernel_size: int, stride: int) -> str:
        """Convolution padded by half of its window, and the norm behind it, which may be folded."""
        node, pad = self.step(at, "Conv"), kernel_size // 2
        self.demand(
            {"strides": [1, 1], "pads": [0] * 4} | node.attributes, kernel_shape=[kernel_size] * 2,
            strides=[stride] * 2, pads=[pad] * 4, dilations=[1, 1], group=1, auto_pad=b"NOTSET",
        )  # fmt: skip
        weight = self.array(node, 1)
        self.state[f"{name}.weight"] = weight
        at = self.resolve(node.outputs[0])
        if len(node.inputs) == 2:  # noqa: PLR2004
            return self.norm(at, norm)
        bias = self.array(node, 2)
        ones, zeros = np.ones_like(bias), np.zeros_like(bias)
        self.keep_norm(norm, ones, bias, zeros, ones - bias.dtype.type(EPSILON))
        return at

    def prelu(self, at: str, name: str) -> str:
        """PReLU, whose slopes an export stores as (c, 1, 1)."""
        node = self.step(at, "PRelu")
        self.state[f"{name}.weight"] = self.array(node, 1).reshape(-1)
        return self.resolve(node.outputs[0])

    def add(self, x: str, y: str) -> str:
        """The sum of the block and its shortcut."""
        node = self.step(y, "Add")
        if {self.resolve(name) for name in node.inputs} != {x, y}:
            self.refuse(f"Add of '{y}' and something else than the block's shortcut")
        return self.resolve(node.outputs[0])

    def flat(self, at: str) -> str:
        """The image as one row, channels first."""
        node = self.step(at, "Flatten", "Reshape")
        self.demand(node.attributes, axis=1)
        return self.resolve(node.outputs[0])

    def dense(self, at: str, name: str, norm: str) -> str:
        """The dense layer, and the norm behind it."""
        node = self.step(at, "Gemm")
        self.demand(node.attributes, alpha=1.0, beta=1.0, transA=0)
        weight = self.array(node, 1)
        self.state[f"{name}.weight"] = weight if node.attributes.get("transB", 0) else weight.T
        self.state[f"{name}.bias"] = self.array(node, 2)
        return self.norm(self.resolve(node.outputs[0]), norm)

    def finish(self, at: str) -> None:
        """Refuses operations that were not passed."""
        if self.left or [self.resolve(name) for name in self.graph.outputs] != [at]:
            self.refuse(f"{self.left} more operations, or another output than the embedding")


def unpack(content: Mapping[str, Any]) -> State | None:
    """The state dict of an ONNX file's content; None for any other."""
    graph = content.get(KEY)
    return state_of(graph) if isinstance(graph, Graph) else None


LAYOUT = Layout(unpack=unpack)
