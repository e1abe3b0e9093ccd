"""Sampling of an image or a volume at given coordinates, as PyTorch's `grid_sample` does with
linear interpolation, zero padding and `align_corners=False`.

Coordinates run from -1 to 1 between the outer *edges* of the first and last cell, in the order
x, y(, z), so a cell's centre lies at (2 i + 1) / n - 1. A sample less than half a cell outside
fades to zero.

The derivative is written by hand: it gathers the corners again instead of storing them, and the
gradient with respect to the coordinates needs no scatter. The batch stays a batch dimension of
every gather, so that a sharded batch needs no communication.
"""

import itertools
import math
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def cell_centres(n: int, dtype: jnp.dtype = jnp.float32) -> Float[Array, " n"]:
    """Coordinates of the centres of n equal cells that fill [-1, 1], ascending."""
    return (2.0 * jnp.arange(n, dtype=dtype) + 1.0) / n - 1.0


def grid_sample_3d(
    volume: Float[Array, "b z h w c"], grid: Float[Array, "b *out 3"]
) -> Float[Array, "b *out c"]:
    """Trilinear samples of `volume` at `grid`, whose last axis is (x, y, z).

    Coordinates run over [-1, 1] between the outer edges; outside the volume is zero.
    """
    return _sample(volume, grid)


def grid_sample_2d(
    image: Float[Array, "b h w c"], grid: Float[Array, "b *out 2"]
) -> Float[Array, "b *out c"]:
    """Bilinear samples of `image` at `grid`, whose last axis is (x, y).

    Coordinates run over [-1, 1] between the outer edges; outside the image is zero.
    """
    return _sample(image, grid)


@jax.custom_vjp
def _sample(source: Array, grid: Array) -> Array:
    table = source.reshape(source.shape[0], -1, source.shape[-1])
    points = grid.reshape(grid.shape[0], -1, grid.shape[-1])
    total = jnp.zeros(())
    for index, weight, _ in _corners(points, source.shape[1:-1]):
        total = total + _gather(table, index) * weight[..., None]
    return total.reshape(*grid.shape[:-1], source.shape[-1])


def _forward(source: Array, grid: Array) -> tuple[Array, tuple[Array, Array]]:
    return _sample(source, grid), (source, grid)


def _backward(residuals: tuple[Array, Array], cotangent: Array) -> tuple[Array, Array]:
    source, grid = residuals
    table = source.reshape(source.shape[0], -1, source.shape[-1])
    points = grid.reshape(grid.shape[0], -1, grid.shape[-1])
    cotangent = cotangent.reshape(*points.shape[:-1], source.shape[-1])
    d_table, d_points = jnp.zeros_like(table), jnp.zeros(())
    for index, weight, slopes in _corners(points, source.shape[1:-1]):
        along = jnp.sum(_gather(table, index) * cotangent, axis=-1, keepdims=True)
        d_points = d_points + along * slopes
        d_table = _scatter_add(d_table, index, cotangent * weight[..., None])
    return d_table.reshape(source.shape), d_points.reshape(grid.shape)


_sample.defvjp(_forward, _backward)


def _corners(points: Array, sizes: tuple[int, ...]) -> Iterator[tuple[Array, Array, Array]]:
    """For each of the 2^n cells around a point: flat index, weight, d weight / d coordinates."""
    sizes = sizes[::-1]  # in the order of the coordinates: x first
    lower, fraction = [], []
    for axis, size in enumerate(sizes):
        position = ((points[..., axis] + 1.0) * size - 1.0) / 2.0
        # More than one cell outside everything is zero; clipping keeps the integers in range.
        position = jnp.clip(position, -2.0, size + 1.0)
        lower.append(jnp.floor(position))
        fraction.append(position - lower[-1])
    for corner in itertools.product((0, 1), repeat=len(sizes)):
        index, inside, stride, parts = 0, True, 1, []
        for axis, (bit, size) in enumerate(zip(corner, sizes, strict=True)):
            cell = lower[axis].astype(jnp.int32) + bit
            inside = inside & (cell >= 0) & (cell < size)
            index = index + stride * jnp.clip(cell, 0, size - 1)
            stride = stride * size
            parts.append(fraction[axis] if bit else 1.0 - fraction[axis])
        slopes = []
        for axis, (bit, size) in enumerate(zip(corner, sizes, strict=True)):
            others = math.prod(parts[:axis] + parts[axis + 1 :], start=inside * size / 2.0)
            slopes.append(others if bit else -others)
        yield index, math.prod(parts, start=inside * 1.0), jnp.stack(slopes, axis=-1)


def _gather(table: Float[Array, "b n c"], index: Array) -> Array:
    pick = jax.vmap(lambda rows, at: rows.at[at].get(mode="promise_in_bounds"))
    return pick(table, index)


def _scatter_add(table: Float[Array, "b n c"], index: Array, values: Array) -> Array:
    add = jax.vmap(lambda rows, at, rows_added: rows.at[at].add(rows_added))
    return add(table, index, values)
