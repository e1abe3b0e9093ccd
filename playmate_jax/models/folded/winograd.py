"""Winograd's F(4, 3) (models/winograd.py) of images and volumes with kernels transformed before.

Volumes either have their depth taps as output channels, which are added afterwards, or transform
depth too (a further half). Products stay separate matrices: stacking them costs more than a batched
product saves.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from playmate_jax.models.apart import apart
from playmate_jax.models.conv3d import sum_of_depth_taps
from playmate_jax.models.folded.layers import along
from playmate_jax.models.winograd import SIZE, TILE, matrices, mixture, strided, tiles


def kernel_2d(kernel: Float[np.ndarray, "3 3 i o"]) -> Float[np.ndarray, "6 6 1 i o"]:
    """A kernel of images, transformed."""
    return _kernel_planes(kernel[None])


def kernel_taps(kernel: Float[np.ndarray, "kz 3 3 i o"]) -> Float[np.ndarray, "6 6 1 i p"]:
    """A kernel of volumes, transformed along height and width, for `convolution_taps`."""
    planes = _kernel_planes(kernel).swapaxes(2, 3)
    return planes.reshape(*planes.shape[:3], -1)[:, :, None]


def kernel_3d(kernel: Float[np.ndarray, "3 3 3 i o"]) -> Float[np.ndarray, "6 6 6 i o"]:
    """A kernel of volumes, transformed along all three axes."""
    _, _, mix = matrices()
    return along(mix, _kernel_planes(kernel), 2)


def _kernel_planes(kernel: np.ndarray) -> np.ndarray:
    """(kz, 3, 3, i, o) to (6, 6, kz, i, o)."""
    _, _, mix = matrices()
    return along(mix, along(mix, kernel, 1), 2).transpose(1, 2, 0, 3, 4)


def convolution_2d(
    x: Float[Array, "b h w i"], kernel: Float[Array, "6 6 1 i o"]
) -> Float[Array, "b h w o"]:
    """The convolution of images with zero padding; the kernel is `kernel_2d`'s."""
    return convolution_3d(x[:, None], kernel)[:, 0]


def convolution_taps(
    x: Float[Array, "b z h w i"], kernel: Float[Array, "6 6 1 i p"], taps: int
) -> Float[Array, "b z h w o"]:
    """The convolution of volumes with zero padding; the kernel is `kernel_taps`'s."""
    shares = convolution_3d(x, kernel)
    return sum_of_depth_taps(shares.reshape(*shares.shape[:4], taps, -1))


def convolution_3d(
    x: Float[Array, "b z h w i"], kernel: Float[Array, "6 6 d i o"]
) -> Float[Array, "b z h w o"]:
    """The convolution of volumes with zero padding; the kernel is `kernel_3d`'s with d = 6, or one
    of images, d = 1, for every slice."""
    b, z, h, w, i = x.shape
    tall, wide = tiles(x[:, 0])
    ins, outs, _ = matrices()
    ends = ((1, tall * TILE + 1 - h), (1, wide * TILE + 1 - w))
    padded = jnp.pad(x.reshape(b * z, h, w, i), ((0, 0), *ends, (0, 0)))
    rows = _row_mixtures(padded, tall)
    halves = []
    for kernel_row, row in zip(kernel, rows, strict=True):
        columns = [strided(row, 2, n, wide) for n in range(SIZE)]
        mixed = [mixture(line, columns).reshape(b, z, tall * wide, i) for line in ins]
        products = [_through_depth(v, u) for v, u in zip(mixed, kernel_row, strict=True)]
        halves.append([mixture(line, products) for line in outs])
    whole = _finished(halves, (b * z, tall, wide, kernel.shape[-1]))
    return whole.reshape(b, z, tall * TILE, wide * TILE, -1)[:, :, :h, :w]


def _through_depth(x: Array, kernel: Array) -> Array:
    """Products over the channels (b, z, n, i) x (d, i, o), and what depth does to them."""
    b, z, n, i = x.shape
    if len(kernel) == 1:
        return _product(x, kernel[0]).reshape(b, z, n, -1)
    deep = -(-z // TILE)
    mixed = _depth_mixtures(x, deep)
    products = [_product(v, u) for v, u in zip(mixed, kernel, strict=True)]
    return _finished_depth(products, (b, deep, n, kernel.shape[-1]))[:, :z]


# Each of these is compiled apart, so that what it takes and what it gives are in memory once: fused
# into their consumers, rows would be mixed again in each of the six columns.


@apart(1)
def _row_mixtures(padded, tall):
    """(b, h, w, i) to one (b, tall, w, i) for each of a tile's mixed rows."""
    ins, _, _ = matrices()
    rows = [strided(padded, 1, n, tall) for n in range(SIZE)]
    return [mixture(line, rows) for line in ins]


@apart(1)
def _finished(halves, shape):
    """[row][column] of products, columns finished, to images: `shape` is (b, tall, wide, o)."""
    _, outs, _ = matrices()
    b, tall, wide, o = shape
    rows = [
        jnp.stack([mixture(line, column).reshape(shape) for column in zip(*halves)], 3)
        for line in outs
    ]
    return jnp.stack(rows, 2).reshape(b, tall * TILE, wide * TILE, o)


@apart(1)
def _depth_mixtures(x, deep):
    """(b, z, n, i) to one (b, deep, n, i) for each of a tile's mixed slices."""
    ins, _, _ = matrices()
    padded = jnp.pad(x, ((0, 0), (1, deep * TILE + 1 - x.shape[1]), (0, 0), (0, 0)))
    slices = [strided(padded, 1, n, deep) for n in range(SIZE)]
    return [mixture(line, slices) for line in ins]


@apart(1)
def _finished_depth(products, shape):
    """One product for each mixed slice to whole columns: `shape` is (b, deep, n, o)."""
    _, outs, _ = matrices()
    b, deep, n, o = shape
    slices = [mixture(line, products).reshape(shape) for line in outs]
    return jnp.stack(slices, 2).reshape(b, deep * TILE, n, o)


def _product(x: Array, kernel: Array) -> Array:
    return x.reshape(-1, x.shape[-1]) @ kernel
