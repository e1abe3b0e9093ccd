"""The head as one nearly rigid thing: what two sets of keypoints say about its motion and surface.

LivePortrait's W mixes K + 1 shifts; a turn of the head is then pieced together from them.
face-vid2vid and FOMM gave each candidate motion a first-order term. Here that term is shared: one
affine motion of the whole head, fitted to the keypoints that expression hardly moves, and what is
left over at each keypoint (its expression) as a shift of its own.

Coordinates are x, y, z in [-1, 1], cells are sampled at their centres.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.geometry.grid_sample import cell_centres

HIGHEST = jax.lax.Precision.HIGHEST


def affine_motion(
    driving: Float[Array, "b k 3"], source: Float[Array, "b k 3"], weights: Float[Array, " k"]
) -> Float[Array, "b 4 3"]:
    """The weighted least-squares map from driving to source positions, as a displacement.

    Returns m with source - driving ~ [driving, 1] m. A small ridge pulls it to "no motion", so that
    coplanar keypoints do no harm.
    """
    points = homogeneous(driving)
    weighted = points * weights[:, None]
    normal = jnp.einsum("bki,bkj->bij", weighted, points, precision=HIGHEST)
    right = jnp.einsum("bki,bkj->bij", weighted, source - driving, precision=HIGHEST)
    return jnp.linalg.solve(normal + 1e-3 * jnp.eye(4, dtype=driving.dtype), right)


def homogeneous(points: Float[Array, "*b 3"]) -> Float[Array, "*b 4"]:
    """Points with a one appended: (x, y, z, 1), on which an affine motion is one product."""
    return jnp.concatenate([points, jnp.ones_like(points[..., :1])], axis=-1)


def displacement(
    motion: Float[Array, "b 4 3"], points: Float[Array, "b *n 3"]
) -> Float[Array, "b *n 3"]:
    """Where an affine motion takes each point, relative to the point."""
    flat = points.reshape(points.shape[0], -1, 3)
    moved = jnp.einsum("bni,bij->bnj", homogeneous(flat), motion, precision=HIGHEST)
    return moved.reshape(points.shape)


def pixel_grid(height: int, width: int) -> Float[Array, "h w 2"]:
    """x, y of every cell's centre, in [-1, 1]."""
    rows, columns = jnp.meshgrid(cell_centres(height), cell_centres(width), indexing="ij")
    return jnp.stack([columns, rows], axis=-1)


def squared_distances(
    keypoints: Float[Array, "b k 3"], height: int, width: int
) -> Float[Array, "b h w k"]:
    """Squared distance in the image plane from every cell to every keypoint."""
    dx = jnp.square(cell_centres(width)[None, :, None] - keypoints[:, None, :, 0])
    dy = jnp.square(cell_centres(height)[None, :, None] - keypoints[:, None, :, 1])
    return dy[:, :, None, :] + dx[:, None, :, :]


def image_heat_maps(
    keypoints: Float[Array, "b k 3"], height: int, width: int, std: float
) -> Float[Array, "b h w k"]:
    """exp(-d^2 / (2 std^2)) of every cell and keypoint, d their distance in the image plane in
    units of half the image, as is `std`."""

    def along(axis: int, n: int) -> Array:
        offset = cell_centres(n)[None, :, None] - keypoints[:, None, :, axis]
        return jnp.exp(-0.5 * jnp.square(offset / std))

    return along(1, height)[:, :, None] * along(0, width)[:, None]


def surface_depth(
    keypoints: Float[Array, "b k 3"], squared: Float[Array, "b h w k"], reach: float = 0.12
) -> Float[Array, "b h w 1"]:
    """A first guess of the visible surface's z: keypoints' z, blended by nearness."""
    near = jax.nn.softmax(-0.5 * squared / reach**2, axis=-1)
    return jnp.sum(near * keypoints[:, None, None, :, 2], axis=-1, keepdims=True)


def motion_prior(squared: Float[Array, "b h w k"]) -> Float[Array, "b h w k+2"]:
    """Logits before any learning: still, the head's motion, the head's motion plus residual k.

    Far from every keypoint the image stands still; within about a tenth of the image of a
    keypoint its residual joins in.
    """
    # Not jnp.min: its gradient asks for the values that equal the minimum, of which there are none
    # (0 / 0) where a compiler computes them a second time in another precision.
    nearest = jnp.argmin(squared, axis=-1, keepdims=True)
    closest = jnp.take_along_axis(squared, nearest, axis=-1, mode="promise_in_bounds")
    still = closest / 0.045 - 2.0
    residual = jnp.maximum(0.5 - 0.5 * squared / 0.07**2, -6.0)
    return jnp.concatenate([jnp.minimum(still, 6.0), jnp.zeros_like(still), residual], axis=-1)
