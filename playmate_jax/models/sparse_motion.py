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
from jaxtyping import Array, Float

# The interpolation matrices multiply coordinates of order one: TF32 would blur them visibly.
PRECISION = jax.lax.Precision.HIGHEST


def axis_coordinates(n: int) -> Float[Array, " n"]:
    """linspace(-1, 1, n), computed as LivePortrait does."""
    return 2.0 * (jnp.arange(n, dtype=jnp.float32) / max(n - 1, 1)) - 1.0


def identity_grid(z: int, h: int, w: int) -> Float[Array, "z h w 3"]:
    """Coordinates (x, y, z) of every cell of a volume."""
    depth, rows, columns = jnp.meshgrid(*(axis_coordinates(n) for n in (z, h, w)), indexing="ij")
    return jnp.stack([columns, rows, depth], axis=-1)


def candidate_shifts(
    source: Float[Array, "b k 3"], driving: Float[Array, "b k 3"]
) -> Float[Array, "b k+1 3"]:
    """Where each candidate reads the source, relative to the cell: 0, then source - driving."""
    return jnp.pad(source - driving, ((0, 0), (1, 0), (0, 0)))


def shifted_volumes(
    volume: Float[Array, "b z h w c"], shifts: Float[Array, "b m 3"]
) -> Float[Array, "b z h w m c"]:
    """The volume sampled at every cell plus each shift (trilinear, zeros outside)."""
    _, z, h, w, _ = volume.shape
    along_x, along_y, along_z = (
        _interpolation(shifts[..., axis], n) for axis, n in enumerate((w, h, z))
    )
    moved = jnp.einsum("bmZz,bzhwc->bmZhwc", along_z, volume, precision=PRECISION)
    moved = jnp.einsum("bmHh,bmZhwc->bmZHwc", along_y, moved, precision=PRECISION)
    return jnp.einsum("bmWw,bmZHwc->bZHWmc", along_x, moved, precision=PRECISION)


def heat_maps(
    keypoints: Float[Array, "b k 3"], size: tuple[int, int, int], variance: float
) -> Float[Array, "b z h w k"]:
    """exp(-|cell - keypoint|^2 / (2 variance)) on a volume of that (z, h, w)."""

    def along(axis: int, n: int) -> Array:
        distance = axis_coordinates(n)[None, :, None] - keypoints[:, None, :, axis]
        return jnp.exp(-0.5 / variance * jnp.square(distance))

    z, h, w = along(2, size[0]), along(1, size[1]), along(0, size[2])
    return z[:, :, None, None] * h[:, None, :, None] * w[:, None, None]


def _interpolation(shift: Float[Array, "b m"], n: int) -> Float[Array, "b m n n"]:
    """Matrix (to, from) that samples an axis at its coordinates plus `shift`."""
    coordinate = axis_coordinates(n) + shift[..., None]
    position = ((coordinate + 1.0) * n - 1.0) / 2.0
    return jnp.maximum(0.0, 1.0 - jnp.abs(position[..., None] - jnp.arange(n)))
