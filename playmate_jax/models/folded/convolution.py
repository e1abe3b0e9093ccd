"""A folded convolution: which formulation it gets, its kernel in that formulation, and its call.

Kernels are made in float64 (`layers.Layer`) and rounded once.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from playmate_jax.models.folded import dots, fourier, winograd
from playmate_jax.models.folded.layers import Layer
from playmate_jax.models.folded.subpixel import (
    phases,
    reach,
    spread,
    stacked_phases,
    trimmed_phases,
)

# Height and width from which formulations pay on a CPU. Winograd along depth as well would pay from
# WINOGRAD on, but takes three times as long to compile as depth taps.
WINOGRAD, WINOGRAD_TAPS, WINOGRAD_DEPTH, FOURIER = 16, 8, 64, 32


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["kernel", "bias"],
    meta_fields=["form", "factor", "window"],
)
@dataclasses.dataclass(frozen=True)
class Convolution:
    """A convolution with zero padding of images (b, h, w, c) or volumes (b, z, h, w, c).

    Attributes:
      kernel: as `form` wants it; for phases of other forms than Winograd's, one by row and column.
      bias: (o,).
      form: "direct", "dot" (dots.py), "winograd", "winograd_taps" (winograd.py), "fourier".
      factor: height and width are enlarged so many times before, by repetition (subpixel.py).
      window: cells of the kernel in each direction; odd.
    """

    kernel: Array | list[list[Array]]
    bias: Float[Array, " o"]
    form: str
    factor: int
    window: tuple[int, ...]


def form_of(layer: Layer, side: int, backend: str, factor: int = 1) -> str:
    """The formulation for square maps of that side: "direct" on anything but a CPU, where all the
    others trade memory traffic for multiplications."""
    window = layer.kernel.shape[:-2]
    volume = len(window) == 3
    if backend != "cpu":
        return "direct"
    if set(window) == {3}:
        if side >= (WINOGRAD_DEPTH if volume else WINOGRAD):
            return "winograd"
        if volume and side >= (WINOGRAD_TAPS if factor == 1 else WINOGRAD):
            return "winograd_taps"
        return "dot" if volume or factor > 1 else "direct"
    wide = volume and set(window) == {window[0]} and 3 < window[0] <= fourier.TILE // 2
    return "fourier" if wide and side >= FOURIER else "direct"


def folded(layer: Layer, form: str, dtype: DTypeLike, factor: int = 1) -> Convolution:
    """The convolution in a formulation, see `form_of`, of arrays that are enlarged `factor`
    times."""
    *window, _, _ = layer.kernel.shape
    volume = len(window) == 3
    kernel: np.ndarray | list[list[np.ndarray]]
    if form in ("winograd", "winograd_taps"):
        stacked = stacked_phases(layer.kernel, factor)
        if not volume:
            kernel = winograd.kernel_2d(stacked)
        elif form == "winograd":
            kernel = winograd.kernel_3d(stacked)
        else:
            kernel = winograd.kernel_taps(stacked)
    elif form == "fourier":
        kernel = fourier.transformed(layer.kernel)
    else:
        kernel = layer.kernel if factor == 1 else trimmed_phases(layer.kernel, factor)
    kernel, bias = jax.tree.map(lambda x: jnp.asarray(x, dtype), (kernel, layer.bias))
    return Convolution(kernel, bias, form, factor, tuple(window))


def convolution(x: Float[Array, "b *size i"], layer: Convolution) -> Float[Array, "b *size2 o"]:
    """The convolution with zero padding, bias included, by the layer's formulation."""
    if layer.form == "fourier":
        return fourier.convolution_3d(x, layer.kernel, layer.window[0]) + layer.bias
    if layer.form in ("winograd", "winograd_taps"):
        if layer.form == "winograd_taps":
            y = winograd.convolution_taps(x, layer.kernel, layer.window[0])
        elif x.ndim == 4:
            y = winograd.convolution_2d(x, layer.kernel)
        else:
            y = winograd.convolution_3d(x, layer.kernel)
        if layer.factor == 1:
            return y + layer.bias
        n = len(phases(layer.factor))
        cells = y.reshape(*y.shape[:-1], n, n, -1)
        rows = [[cells[..., p, q, :] for q in range(n)] for p in range(n)]
        return spread(rows, layer.factor) + layer.bias
    product = dots.by_product if layer.form == "dot" else dots.direct
    depth = [(k // 2, k // 2) for k in layer.window[:-2]]
    if layer.factor == 1:
        ends = [*depth, *((k // 2, k // 2) for k in layer.window[-2:])]
        return product(x, layer.kernel, ends) + layer.bias
    reaches = [reach(p, layer.factor) for p in phases(layer.factor)]
    rows = [
        [product(x, kernel, [*depth, tall, wide]) for kernel, wide in zip(row, reaches)]
        for row, tall in zip(layer.kernel, reaches)
    ]
    return spread(rows, layer.factor) + layer.bias
