"""Algebra of kernels, in float64: what a network's layers are once their norms are part of them.

Kernels are as linen stores them, (*window, in, out); every layer gets a bias.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from playmate_jax.models.normalization import EPSILON

Node = Mapping[str, Any]


class Layer(NamedTuple):
    """A convolution: kernel (*window, in, out) and bias (out,), float64."""

    kernel: Float[np.ndarray, "*window i o"]
    bias: Float[np.ndarray, " o"]


def plain(node: Node) -> Layer:
    """A convolution as it is, its bias 0 where it has none."""
    kernel = np.asarray(node["kernel"], np.float64)
    bias = np.asarray(node["bias"], np.float64) if "bias" in node else np.zeros(kernel.shape[-1])
    return Layer(kernel, bias)


def normed(node: Node, norm: Node, statistics: Node) -> Layer:
    """A convolution and the BatchNorm behind it, by the running statistics."""
    kernel, bias = plain(node)
    mean, var = (np.asarray(statistics[name], np.float64) for name in ("mean", "var"))
    scale = np.asarray(norm["scale"], np.float64) / np.sqrt(var + EPSILON)
    return Layer(kernel * scale, (bias - mean) * scale + np.asarray(norm["bias"], np.float64))


def spectral(node: Node, vectors: Node) -> Layer:
    """A convolution divided by its spectral norm u^T W v (models/spectral.py)."""
    kernel, bias = plain(node)
    u, v = (np.asarray(vectors[name], np.float64) for name in ("u", "v"))
    return Layer(kernel / (v.reshape(-1) @ kernel.reshape(-1, len(u)) @ u), bias)


def modulation(gamma: Layer, beta: Layer) -> Layer:
    """SPADE's two convolutions as one: 1 + gamma in the first half of the channels, then beta."""
    kernel = np.concatenate([gamma.kernel, beta.kernel], -1)
    return Layer(kernel, np.concatenate([gamma.bias + 1, beta.bias]))


def times(layer: Layer, matrix: Float[np.ndarray, "o p"]) -> Layer:
    """A convolution followed by a 1x1 convolution without bias, as one."""
    return Layer(layer.kernel @ matrix, layer.bias @ matrix)


def along(
    matrix: Float[np.ndarray, "m n"], array: Float[np.ndarray, "..."], axis: int
) -> Float[np.ndarray, "..."]:
    """The matrix applied along one axis of length n, which gets length m."""
    return np.moveaxis(np.tensordot(matrix, array, (1, axis)), 0, axis)
