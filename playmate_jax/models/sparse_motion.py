"""What keypoints say about a volume before any learning: K + 1 candidate motions and heat maps.

Candidate k moves the whole volume by source_k - driving_k; candidate 0 leaves it in place. A
constant shift makes linear interpolation separable, so the K + 1 warped copies of a volume are
three small matrix products each instead of K + 1 gathers: exact, zeros outside included. A
Gaussian is separable too: heat maps are outer products.

The volume's own coordinates are linspace(-1, 1, n) per axis as in LivePortrait (not the cells'
centres of `grid_sample`, so an unmoved volume is resampled slightly).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float

# The interpolation matrices multiply coordinates of order one: TF32 would blur them visibly.
PRECISION = jax.lax.Precision.HIGHEST


def axis_coordinates(n: int, dtype: DTypeLike = jnp.float32) -> np.ndarray:
    """linspace(-1, 1, n), at least float32 and then rounded as LivePortrait's: a constant, because
    XLA would turn the division into a product with the rounded inverse."""
    dtype = jnp.promote_types(dtype, jnp.float32)
    return 2 * (np.arange(n, dtype=dtype) / np.array(max(n - 1, 1), dtype)) - 1


def identity_grid(
    z: int, h: int, w: int, dtype: DTypeLike = jnp.float32
) -> Float[Array, "z h w 3"]:
    """Coordinates (x, y, z) of every cell of a volume."""
    axes = (axis_coordinates(n, dtype) for n in (z, h, w))
    depth, rows, columns = jnp.meshgrid(*axes, indexing="ij")
    return jnp.stack([columns, rows, depth], axis=-1)


def candidate_shifts(
    source: Float[Array, "b k 3"], driving: Float[Array, "b k 3"]
) -> Float[Array, "b k+1 3"]:
    """Where each candidate reads the source, relative to the cell: 0, then source - driving."""
    return jnp.pad(source - driving, ((0, 0), (1, 0), (0, 0)))


def candidate_coordinates(
    source: Float[Array, "b k 3"], driving: Float[Array, "b k 3"], size: tuple[int, int, int]
) -> list[Float[Array, "b k+1 _"]]:
    """Where each candidate reads the source: x of every column, y of every row, z of every slice.

    Summed in LivePortrait's order, (cell - driving) + source: the roundings of coordinates, 1e-7,
    come back a hundredfold where a feature volume is sampled.
    """
    coordinates = []
    for axis, n in enumerate(size[::-1]):
        cells = jnp.asarray(axis_coordinates(n, source.dtype))
        moved = (cells - driving[..., axis, None]) + source[..., axis, None]
        still = jnp.broadcast_to(cells, (moved.shape[0], 1, n))
        coordinates.append(jnp.concatenate([still, moved], axis=1))
    return coordinates


def moved_volumes(
    volume: Float[Array, "b z h w c"], coordinates: list[Float[Array, "b m _"]]
) -> Float[Array, "b z h w m c"]:
    """The volume sampled where each candidate reads it (trilinear, zeros outside)."""
    along_x, along_y, along_z = (_interpolation(axis) for axis in coordinates)
    moved = jnp.einsum("bmZz,bzhwc->bmZhwc", along_z, volume, precision=PRECISION)
    moved = jnp.einsum("bmHh,bmZhwc->bmZHwc", along_y, moved, precision=PRECISION)
    return jnp.einsum("bmWw,bmZHwc->bZHWmc", along_x, moved, precision=PRECISION)


def mixed_coordinates(
    mask: Float[Array, "b z h w m"], shifts: Float[Array, "b m 3"]
) -> Float[Array, "b z h w 3"]:
    """Mean of the candidates' coordinates under weights that sum to one: the cell's own plus the
    mean shift, which rounds less than a mean of coordinates."""
    mean_shift = jnp.einsum("bzhwm,bmc->bzhwc", mask, shifts, precision=PRECISION)
    return identity_grid(*mask.shape[1:4], dtype=mask.dtype) + mean_shift


def heat_maps(
    keypoints: Float[Array, "b k 3"], size: tuple[int, int, int], variance: float
) -> Float[Array, "b z h w k"]:
    """exp(-|cell - keypoint|^2 / (2 variance)) on a volume of that (z, h, w)."""

    def along(axis: int, n: int) -> Array:
        cells = axis_coordinates(n, keypoints.dtype)[None, :, None]
        distance = cells - keypoints[:, None, :, axis]
        return jnp.exp(-0.5 / variance * jnp.square(distance))

    z, h, w = along(2, size[0]), along(1, size[1]), along(0, size[2])
    return z[:, :, None, None] * h[:, None, :, None] * w[:, None, None]


def _interpolation(coordinates: Float[Array, "b m n"]) -> Float[Array, "b m n n"]:
    """Matrix (to, from) that samples an axis of n cells at n coordinates."""
    n = coordinates.shape[-1]
    position = ((coordinates + 1.0) * n - 1.0) / 2.0
    return jnp.maximum(0.0, 1.0 - jnp.abs(position[..., None] - jnp.arange(n)))
