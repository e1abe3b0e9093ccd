"""Convolutions of volumes with wide windows by Fourier tiles: W's 7x7x7 kernel.

Height and width are cut into overlapping tiles of 24 x 24 cells; in a tile's spectrum the window is
one complex product over the channels per frequency, a ninth of the multiplications. Depth taps are
output channels of that product and added afterwards. The transforms themselves are products with
matrices of sines and cosines: channels stay the last axis, so that nothing has to be transposed,
which costs more than the fast algorithm saves at this size.
"""

import functools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

TILE = 24  # cells of a tile, overlap included
HALF = TILE // 2 + 1  # frequencies of a real axis


def transformed(kernel: Float[np.ndarray, "kz k k i o"]) -> Float[np.ndarray, "2 f i p"]:
    """A kernel's spectrum over height and width.

    Returns:
      For f = 24 x 13 frequencies what real and imaginary channels are multiplied by, (2, f, in,
      k x 2 x out): the products give real and imaginary parts of every depth tap.
    """
    k, _, _, i, o = kernel.shape
    spectrum = np.fft.rfft2(kernel[:, ::-1, ::-1], (TILE, TILE), (1, 2))
    spectrum = spectrum.transpose(1, 2, 3, 0, 4).reshape(TILE * HALF, i, k, o)
    re, im = spectrum.real, spectrum.imag
    both = np.stack([np.stack([re, im], 3), np.stack([-im, re], 3)])
    return both.reshape(2, TILE * HALF, i, k * 2 * o)


def convolution_3d(
    x: Float[Array, "b z h w i"], kernel: Float[Array, "2 f i p"], k: int
) -> Float[Array, "b z h w o"]:
    """The convolution with zero padding; `kernel` is `transformed`'s of a window of k cells in each
    direction, k odd."""
    b, z, h, w, i = x.shape
    step, before = TILE - k + 1, k // 2
    tall, wide = -(-h // step), -(-w // step)
    ends = [(before, n * step + k - 1 - before - size) for n, size in ((tall, h), (wide, w))]
    padded = jnp.pad(x.reshape(b * z, h, w, i), ((0, 0), *ends, (0, 0)))

    matrices = _matrices(k)
    spectrum = _transform(matrices.along_w, _tiles(padded, 2, wide, step))
    spectrum = spectrum.reshape(2 * HALF, b * z, -1, wide, i)
    spectrum = _transform(matrices.along_h, _tiles(spectrum, 2, tall, step))
    parts = spectrum.reshape(2, TILE * HALF, -1, i)  # real, imaginary
    products = _per_frequency(parts[0], kernel[0]) + _per_frequency(parts[1], kernel[1])

    o = kernel.shape[-1] // (2 * k)
    shares = products.reshape(TILE * HALF, b, z, tall * wide, k, 2, o)
    shares = jnp.pad(shares, ((0, 0), (0, 0), (before, before), *((0, 0),) * 4))
    taps = [shares[:, :, tap : tap + z, :, tap] for tap in range(k)]
    summed = sum(taps[1:], taps[0])
    spectrum = jnp.moveaxis(summed, 4, 0)
    y = _transform(matrices.back_along_h, spectrum.reshape(2 * TILE, -1))
    y = y.reshape(2, step, HALF, -1).transpose(0, 2, 1, 3)
    y = _transform(matrices.back_along_w, y.reshape(2 * HALF, -1))
    y = y.reshape(step, step, b, z, tall, wide, o).transpose(2, 3, 4, 1, 5, 0, 6)
    return y.reshape(b, z, tall * step, wide * step, o)[:, :, :h, :w]


def _tiles(x: Array, axis: int, count: int, step: int) -> Array:
    """(24, ...): cell n of each of the `count` overlapping tiles along an axis."""
    last = (count - 1) * step + 1
    return jnp.stack([lax.slice_in_dim(x, n, n + last, step, axis) for n in range(TILE)])


def _transform(matrix: np.ndarray, x: Array) -> Array:
    """The matrix applied to x's leading axes."""
    columns = x.reshape(matrix.shape[1], -1)
    return jnp.asarray(matrix, x.dtype) @ columns


def _per_frequency(x: Float[Array, "f n i"], kernel: Float[Array, "f i p"]) -> Array:
    return lax.dot_general(x, kernel, (((2,), (1,)), ((0,), (0,))))


class _Matrices(NamedTuple):
    """The transforms and their inverses, complex numbers as (real, imaginary).

    Attributes:
      along_w: 24 cells to (2, 13).
      along_h: (24, 2) to (2, 24).
      back_along_h: (2, 24) to (2, the cells that the window does not spoil).
      back_along_w: (2, 13) to those cells.
    """

    along_w: Float[np.ndarray, "_ _"]
    along_h: Float[np.ndarray, "_ _"]
    back_along_h: Float[np.ndarray, "_ _"]
    back_along_w: Float[np.ndarray, "_ _"]


@functools.cache
def _matrices(k: int) -> _Matrices:
    angle = 2 * np.pi / TILE * np.outer(np.arange(TILE), np.arange(TILE))  # frequency, cell
    cos, sin = np.cos(angle), np.sin(angle)
    along_h = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)])
    back = np.stack([np.stack([cos, -sin], 1), np.stack([sin, cos], 1)])[:, k - 1 :] / TILE
    twice = np.where(np.isin(np.arange(HALF), (0, HALF - 1)), 1, 2) / TILE
    half = np.stack([cos[k - 1 :, :HALF], -sin[k - 1 :, :HALF]], 1) * twice
    return _Matrices(
        np.concatenate([cos[:HALF], -sin[:HALF]]),
        along_h.reshape(2 * TILE, 2 * TILE),
        back.reshape(-1, 2 * TILE),
        half.reshape(-1, 2 * HALF),
    )
