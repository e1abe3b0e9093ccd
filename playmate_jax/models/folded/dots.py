"""Convolutions as one matrix product: the taps side by side in the input channels ("im2col").

For small height and width, where XLA's convolutions are slow on a CPU (2 x 2 cells and 4096
channels take it eight seconds) and Winograd's tiles would be mostly padding.
"""

import itertools
from collections.abc import Sequence

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from playmate_jax.models.conv3d import conv3d

Ends = Sequence[tuple[int, int]]  # cells of padding before and behind, of every axis


def by_product(
    x: Float[Array, "b *size i"], kernel: Float[Array, "*window i o"], ends: Ends
) -> Float[Array, "b *size2 o"]:
    """The convolution by one product, of an array as many times larger as there are taps."""
    *window, i, o = kernel.shape
    padded = jnp.pad(x, ((0, 0), *ends, (0, 0)))
    sizes = [n + sum(end) + 1 - k for n, end, k in zip(x.shape[1:-1], ends, window, strict=True)]
    taps = []
    for start in itertools.product(*map(range, window)):
        stop = (at + size for at, size in zip(start, sizes, strict=True))
        taps.append(lax.slice(padded, (0, *start, 0), (x.shape[0], *stop, i)))
    columns = lax.optimization_barrier(jnp.concatenate(taps, -1).reshape(-1, len(taps) * i))
    return (columns @ kernel.reshape(-1, o)).reshape(x.shape[0], *sizes, o)


def direct(
    x: Float[Array, "b *size i"], kernel: Float[Array, "*window i o"], ends: Ends
) -> Float[Array, "b *size2 o"]:
    """The convolution by XLA's own, or by what `conv3d` makes of it where padding is even."""
    window = kernel.shape[:-2]
    if set(window) == {1}:
        return x @ kernel.reshape(kernel.shape[-2:])
    if len(window) == 3 and all(end == (k // 2, k // 2) for end, k in zip(ends, window)):
        return conv3d(x, kernel)
    letters = "DHW"[-len(ends) :]
    layout = (f"N{letters}C", f"{letters}IO", f"N{letters}C")
    strides = (1,) * len(ends)
    return lax.conv_general_dilated(x, kernel, strides, list(ends), dimension_numbers=layout)
