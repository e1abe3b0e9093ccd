"""The source's own detail, carried to where W says that it is seen: a sharp picture of any size
from networks that draw a small one.

    moved     = the source, read along W's flow at its full size
    seen      = moved, made as small as G's image
    agreement = visibility exp(-(|mean of a cell (G - seen)| / 0.08)^2)
    image     = enlarged (G - agreement seen) + enlarged agreement * moved

Where G draws something else than what the source shows there, an opened mouth or a closed eye, its
image stays as it is. Means over W's cells are compared: G's own softness is no disagreement, and
neighbours change over smoothly. There are no weights.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.geometry.grid_sample import cell_centres, grid_sample_2d
from playmate_jax.models.resampling import bilinear_up, mean_pool

TOLERANCE = 0.08  # mean difference of colours, of [0, 1], at which agreement has fallen to 1 / e


def with_detail(
    drawn: Float[Array, "b h w 3"],
    source: Float[Array, "b H W 3"],
    flow: Float[Array, "b _ _ 2"],
    visibility: Float[Array, "b _ _ 1"],
) -> Float[Array, "b H W 3"]:
    """G's image at the source's size, with the source's detail where both agree.

    Args:
      drawn: G's image, in [0, 1].
      source: what F saw, in [0, 1], at a multiple of the size of `drawn`.
      flow, visibility: W's "picture_flow" and "visibility", of cells that are a multiple of pixels.
    """
    height, width = source.shape[1:3]
    moved = grid_sample_2d(source, _places(flow, height, width))
    seen = mean_pool(moved, height // drawn.shape[1])
    difference = mean_pool(drawn - seen, drawn.shape[1] // visibility.shape[1])
    size = jnp.abs(difference).mean(-1, keepdims=True)
    agreement = visibility * jnp.exp(-jnp.square(size / TOLERANCE))
    rest = drawn - bilinear_up(agreement, *drawn.shape[1:3]) * seen
    rest = jax.image.resize(rest, moved.shape, "cubic")
    return rest + bilinear_up(agreement, height, width) * moved


def _places(flow: Float[Array, "b _ _ 2"], height: int, width: int) -> Float[Array, "b h w 2"]:
    """Where each pixel's colour is read: inside the image, whose edge goes on beyond it."""
    rows, columns = jnp.meshgrid(cell_centres(height), cell_centres(width), indexing="ij")
    grid = jnp.stack([columns, rows], axis=-1) + bilinear_up(flow, height, width)
    edge = 1 - jnp.array([1 / width, 1 / height])
    return jnp.clip(grid, -edge, edge)
