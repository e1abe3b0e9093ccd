"""Winograd's F(4, 3): convolutions with a 3x3 window by a quarter of the multiplications.

Lavin & Gray 2016. A tile of 4 outputs along an axis is a linear map of products of 6 mixtures of
its 6 inputs and 6 mixtures of the 3 taps, so a tile of 4 x 4 pixels takes 36 matrix products over
the channels instead of 144. The gradient with respect to the kernel is the transposed map: 36
products over the tiles.

The points 0, 1, -1, 1/2, -2 round less than the usual 0, 1, -1, 2, -2: 1e-5 of an output's size.

Here are the forms for training, loops over a tile's six rows, which compile in half of the time of
`models/folded/winograd.py`'s.
"""

import functools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

TILE, TAPS = 4, 3
POINTS = (Fraction(0), Fraction(1), Fraction(-1), Fraction(1, 2), Fraction(-2))
SIZE = len(POINTS) + 1  # inputs of a tile; the last "point" is infinity


def transformed(kernel: Float[Array, "3 3 i o"]) -> Float[Array, "6 6 i o"]:
    """A kernel as `convolution` takes it."""
    taps = jnp.asarray(matrices()[2], kernel.dtype)
    return jnp.einsum("ak,bl,klio->abio", taps, taps, kernel, precision=lax.Precision.HIGHEST)


def convolution(
    x: Float[Array, "b h w i"], mixed: Float[Array, "6 6 i o"]
) -> Float[Array, "b h w o"]:
    """The convolution with zero padding; the kernel is `transformed`'s."""
    b, h, w, i = x.shape
    tall, wide = tiles(x)
    ins, outs, _ = matrices()
    rows = _mixtures(_with_neighbours(x, tall, wide), ins, tall)

    def row(n: Array) -> Array:
        columns = [strided(rows[n], 2, k, wide) for k in range(SIZE)]
        products = [mixture(m, columns).reshape(-1, i) @ mixed[n, k] for k, m in enumerate(ins)]
        return jnp.stack([mixture(line, products) for line in outs])

    products = _each(row, x)
    cells = jnp.stack([mixture(line, list(products)) for line in outs])
    cells = cells.reshape(TILE, TILE, b, tall, wide, -1).transpose(2, 3, 0, 4, 1, 5)
    return cells.reshape(b, tall * TILE, wide * TILE, -1)[:, :h, :w]


def kernel_gradient(
    x: Float[Array, "b h w i"], g: Float[Array, "b h w o"]
) -> Float[Array, "3 3 i o"]:
    """Of the convolution with respect to its kernel, not transformed; g is the gradient of what
    came of it."""
    tall, wide = tiles(x)
    ins, outs, mix = matrices()
    ends = ((0, tall * TILE - x.shape[1]), (0, wide * TILE - x.shape[2]))
    padded = jnp.pad(g, ((0, 0), *ends, (0, 0)))
    rows = (
        _mixtures(_with_neighbours(x, tall, wide), ins, tall),
        _mixtures(padded, outs.T, tall),
    )

    def row(n: Array) -> Array:
        columns = [
            [strided(part[n], 2, k, wide) for k in range(size)]
            for part, size in zip(rows, (SIZE, TILE), strict=True)
        ]
        found = []
        for lines in zip(ins, outs.T, strict=True):
            seen, came = (
                mixture(line, own).reshape(-1, own[0].shape[-1])
                for line, own in zip(lines, columns, strict=True)
            )
            found.append(lax.dot_general(seen, came, (((0,), (0,)), ((), ()))))
        return jnp.stack(found)

    taps, products = jnp.asarray(mix, x.dtype), _each(row, x)
    return jnp.einsum("ak,bl,abio->klio", taps, taps, products, precision=lax.Precision.HIGHEST)


def _each(row: Callable[[Array], Array], x: Array) -> Array:
    """What a function finds for each of a tile's mixed rows, stacked.

    The loop begins with a zero that follows from x: XLA:CPU would put plain zeros of every loop at
    the start of the program, and keep them all (G at full size, three images: 12.0 GB, not 8.6).
    """
    first = jax.eval_shape(row, jnp.int32(0))
    found = jnp.broadcast_to((0 * x[(0,) * x.ndim]).astype(first.dtype), (SIZE, *first.shape))
    return lax.fori_loop(0, SIZE, lambda n, found: found.at[n].set(row(n)), found)


def tiles(x: Float[Array, "b h w c"]) -> tuple[int, int]:
    """Tiles of an image along height and width; the last ones may reach beyond it."""
    return -(-x.shape[1] // TILE), -(-x.shape[2] // TILE)


def _with_neighbours(x: Array, tall: int, wide: int) -> Array:
    ends = ((1, tall * TILE + 1 - x.shape[1]), (1, wide * TILE + 1 - x.shape[2]))
    return jnp.pad(x, ((0, 0), *ends, (0, 0)))


def _mixtures(x: Array, lines: np.ndarray, tall: int) -> Array:
    """(b, h, w, c) to the mixtures of a tile's rows (n, b, tall, w, c)."""
    rows = [strided(x, 1, n, tall) for n in range(lines.shape[1])]
    return jnp.stack([mixture(line, rows) for line in lines])


def strided(x: Array, axis: int, start: int, count: int) -> Array:
    """The same cell of each of `count` tiles along an axis."""
    return lax.slice_in_dim(x, start, start + (count - 1) * TILE + 1, TILE, axis)


def mixture(weights: Float[np.ndarray, " n"], arrays: Sequence[Array]) -> Array:
    """The weighted sum of arrays, without products by 0 and 1."""
    total = None
    for weight, array in zip(weights.tolist(), arrays, strict=True):
        if weight == 0:
            continue
        part = array if weight == 1 else -array if weight == -1 else weight * array
        total = part if total is None else total + part
    assert total is not None
    return total


@functools.cache
def matrices() -> tuple[
    Float[np.ndarray, "6 6"], Float[np.ndarray, "4 6"], Float[np.ndarray, "6 3"]
]:
    """The mixtures of a tile's inputs, of its products (its outputs), and of a kernel's taps.

    Toom and Cook's: the product of polynomials, evaluated at POINTS and at infinity, transposed.
    Input mixtures are scaled by powers of two to coefficients near 1, and taps the other way.
    """
    outs = np.array([[float(p**n) for p in POINTS] + [float(n == TILE - 1)] for n in range(TILE)])
    ins, taps = np.zeros((SIZE, SIZE)), np.zeros((SIZE, TAPS))
    for n, point in enumerate(POINTS):
        others = [p for p in POINTS if p != point]
        ins[n, : SIZE - 1] = _coefficients(others)
        scale = float(math.prod(point - p for p in others))
        taps[n] = [float(point**k) / scale for k in range(TAPS)]
    ins[-1], taps[-1, -1] = _coefficients(POINTS), 1
    scales = 2.0 ** np.round(np.log2(np.abs(ins).max(1, keepdims=True)))
    return ins / scales, outs, taps * scales


def _coefficients(roots: Sequence[Fraction]) -> Float[np.ndarray, " n"]:
    """Of the polynomial with these roots, lowest power first."""
    found = [Fraction(1)]
    for root in roots:
        higher, lower = [Fraction(0), *found], [*found, Fraction(0)]
        found = [a - root * b for a, b in zip(higher, lower, strict=True)]
    return np.array([float(value) for value in found])
