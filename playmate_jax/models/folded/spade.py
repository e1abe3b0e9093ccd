"""G folded (models/spade.py is its definition): W's feature map to an image.

Spectral norms are part of kernels; SPADE's gamma and beta are one convolution, and beta's of a
learned shortcut includes the shortcut; the hidden maps of enlarged features are made at the
features' size, and so are the statistics of instance norms. Each block is a program of its own, so
that equal ones are compiled once.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from playmate_jax.models.folded.convolution import Convolution, convolution, folded, form_of
from playmate_jax.models.folded.layers import Layer, modulation, plain, spectral, times
from playmate_jax.models.normalization import instance_norm
from playmate_jax.models.resampling import nearest_up, pixel_shuffle
from playmate_jax.models.spade import SpadeConfig

Layers = Mapping[str, Any]
Make = Callable[..., Convolution]


def fold(
    config: SpadeConfig, variables: Mapping[str, Any], side: int, backend: str, dtype: DTypeLike
) -> dict[str, Any]:
    """G's folded parameters for feature maps of that side, from its linen variables."""
    params, vectors = variables["params"], variables["spectral"]

    def made(layer: Layer, at: int, factor: int = 1) -> Convolution:
        return folded(layer, form_of(layer, at, backend, factor), dtype, factor)

    found: dict[str, Any] = {}
    for name, node in params.items():
        if name == "first":
            found[name] = made(plain(node), side)
        elif name == "image":
            found[name] = made(plain(node), side << len(config.up_channels))
        else:
            kind, _, n = name.partition("_")
            factor = 2 ** (int(n) + 1) if kind == "up" else 1
            found[name] = _folded_block(node, vectors[name], side, factor, made)
    return found


def frames(
    config: SpadeConfig, layers: Layers, feature: Float[Array, "b h w c"]
) -> Float[Array, "b H W 3"]:
    """G's image in [0, 1] for every frame."""
    x = _first(feature, layers["first"])
    for i in range(config.middle_blocks):
        x = _block(x, feature, layers[f"middle_{i}"], 1)
    for i in range(len(config.up_channels)):
        x = _block(x, feature, layers[f"up_{i}"], 2)
    return _image(x, layers["image"], config.upscale)


def _folded_block(node: Layers, vectors: Layers, side: int, factor: int, made: Make) -> dict:
    found, at = {}, side * factor
    for n in (0, 1):
        norm = node[f"norm_{n}"]
        found[f"shared_{n}"] = made(plain(norm["shared"]), side, factor)
        both = modulation(plain(norm["gamma"]), plain(norm["beta"]))
        found[f"modulation_{n}"] = made(both, at)
        found[f"conv_{n}"] = made(spectral(node[f"conv_{n}"], vectors[f"conv_{n}"]), at)
    if "conv_shortcut" in node:
        norm = node["norm_shortcut"]
        shortcut = spectral(node["conv_shortcut"], vectors["conv_shortcut"])
        beta = times(plain(norm["beta"]), shortcut.kernel[0, 0])
        found["shared_shortcut"] = made(plain(norm["shared"]), side, factor)
        found["modulation_shortcut"] = made(modulation(plain(norm["gamma"]), beta), at)
        found["conv_shortcut"] = made(shortcut, at)
    return found


@jax.jit
def _first(feature: Array, layer: Convolution) -> Array:
    return convolution(feature, layer)


@partial(jax.jit, static_argnames="enlarged")
def _block(x: Array, feature: Array, block: Layers, enlarged: int) -> Array:
    """One residual block, of x enlarged so many times."""

    def modulated(normed: Array, name: str) -> tuple[Array, Array]:
        """The instance-normed map scaled, and what is to be added to it."""
        hidden = jax.nn.relu(convolution(feature, block[f"shared_{name}"]))
        both = convolution(hidden, block[f"modulation_{name}"])
        width = normed.shape[-1]
        return normed * both[..., :width], both[..., width:]

    normed = nearest_up(instance_norm(x), enlarged)
    y = normed
    for n in ("0", "1"):
        scaled, shift = modulated(y if n == "0" else instance_norm(y), n)
        y = convolution(jax.nn.leaky_relu(scaled + shift, 0.2), block[f"conv_{n}"])
    if "conv_shortcut" not in block:
        return nearest_up(x, enlarged) + y
    scaled, shift = modulated(normed, "shortcut")
    return convolution(scaled, block["conv_shortcut"]) + shift + y


@partial(jax.jit, static_argnames="upscale")
def _image(x: Array, layer: Convolution, upscale: int) -> Array:
    y = convolution(jax.nn.leaky_relu(x, 0.2), layer)
    return jax.nn.sigmoid(pixel_shuffle(y, upscale))
