"""The source's own detail, carried to where W says that it is seen: a sharp picture of any size
from networks that draw a small one.

    moved     = the source, read along W's flow at its full size
    seen      = moved, made as small as G's image
    agreement = visibility exp(-(|mean of a cell (G - seen)| / TOLERANCE)^2) likeness
    image     = enlarged (G - agreement seen) + enlarged agreement * moved

Where G draws something else than what the source shows there, an opened mouth or a closed eye, its
image stays as it is. Colours are compared by means over W's cells: G's own softness is no
disagreement, and neighbours change over smoothly. What differs within cells is compared by
`_likeness`: a lid of the eye's mean colour would otherwise show the iris that it hides. There are
no weights.

Between pixels the source is read by shifted linear interpolation (Blu, Thevenaz and Unser, "Linear
interpolation revitalized", 2004): as cheap as bilinear, and sharper. The source is filtered once
(`read_coefficients`), and every place is moved by `SHIFT` pixels: a source that does not move is
given back exactly.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.models.resampling import enlarged, mean_pool

TOLERANCE = 0.08  # mean difference of colours, of [0, 1], at which agreement has fallen to 1 / e
# Of a pixel; 0: bilinear. The reference's optimum, 0.21, is for what is read at the right place:
# under M's errors, which are pixels, it costs PSNR (docs/results.md#sharpness).
SHIFT = 0.1
TERMS = 6  # of the filter after the first; the next one is 2e-7 of it
SOFT = 0.5  # share of the seen contrast that G, which is soft, need not draw
CONTRAST = 1e-4  # mean square within a cell below which it does not count


def read_coefficients(source: Float[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
    """What `with_detail` reads: c with (1 - SHIFT) c[n] + SHIFT c[n - 1] = source[n] along rows and
    columns. Beyond the border the source's outermost pixels go on."""
    ratio, x = -SHIFT / (1 - SHIFT), source
    for axis in (1, 2):
        n, before = x.shape[axis], [(0, 0)] * x.ndim
        before[axis] = (TERMS, 0)
        padded, total = jnp.pad(x, before, mode="edge"), jnp.zeros(())
        for k in range(TERMS + 1):
            part = jax.lax.slice_in_dim(padded, TERMS - k, TERMS - k + n, axis=axis)
            total += ratio**k / (1 - SHIFT) * part
        x = total
    return x


def with_detail(
    drawn: Float[Array, "b h w 3"],
    coefficients: Float[Array, "n H W 3"],
    flow: Float[Array, "b _ _ 2"],
    visibility: Float[Array, "b _ _ 1"],
) -> Float[Array, "b H W 3"]:
    """G's image at the source's size, with the source's detail where both agree.

    Args:
      drawn: G's image, in [0, 1].
      coefficients: `read_coefficients` of what F saw, at a multiple of the size of `drawn`; of one
        source for all images, or of one for each.
      flow, visibility: W's "picture_flow" and "visibility", of cells that are a multiple of pixels.
    """
    height, small, cells = coefficients.shape[1], drawn.shape[1], visibility.shape[1]
    moved = _read(coefficients, flow)
    seen = mean_pool(moved, height // small)
    size = jnp.abs(mean_pool(drawn - seen, small // cells)).mean(-1, keepdims=True)
    agreement = visibility * jnp.exp(-jnp.square(size / TOLERANCE))
    agreement *= _likeness(drawn, seen, small // cells)
    rest = drawn - enlarged(agreement, small // cells) * seen
    rest = enlarged(rest, height // small, "cubic")
    return rest + enlarged(agreement, height // cells) * moved


def _likeness(
    drawn: Float[Array, "b h w 3"], seen: Float[Array, "b h w 3"], cell: int
) -> Float[Array, "b _ _ 1"]:
    """Regression of what G draws within cells on what is seen there: 1 from `1 - SOFT` on."""
    own, there = (x - enlarged(mean_pool(x, cell), cell) for x in (drawn, seen))

    def mean(product: Array) -> Array:
        """Over a cell, and half as much of its neighbours along rows and columns."""
        x = mean_pool(product.mean(-1, keepdims=True), cell)
        for axis in (1, 2):
            n, around = x.shape[axis], [(0, 0)] * x.ndim
            around[axis] = (1, 1)
            padded = jnp.pad(x, around, mode="edge")
            x = (x + sum(jax.lax.slice_in_dim(padded, k, k + n, axis=axis) for k in range(3))) / 4
        return x

    wanted = (1 - SOFT) * mean(there * there)
    return jnp.clip((mean(own * there) + CONTRAST) / (wanted + CONTRAST), 0, 1)


def _read(
    coefficients: Float[Array, "n h w 3"], flow: Float[Array, "b _ _ 2"]
) -> Float[Array, "b h w 3"]:
    """The source at every pixel plus `flow`: inside the image, whose edge goes on beyond it."""
    height, width = coefficients.shape[1:3]
    moves = enlarged(flow, height // flow.shape[1])
    columns = jnp.arange(width) + 0.5 * width * moves[..., 0]
    rows = jnp.arange(height)[:, None] + 0.5 * height * moves[..., 1]
    column, right = _cell_and_share(columns, width)
    row, below = _cell_and_share(rows, height)
    place = row * width + column
    table = coefficients.reshape(coefficients.shape[0], -1, 3)

    def cell(further: int) -> Array:
        if len(table) == 1:
            return table[0].at[place + further].get(mode="promise_in_bounds")
        pick = jax.vmap(lambda own, at: own.at[at].get(mode="promise_in_bounds"))
        return pick(table, place + further)

    upper = cell(0) + right * (cell(1) - cell(0))
    lower = cell(width) + right * (cell(width + 1) - cell(width))
    return upper + below * (lower - upper)


def _cell_and_share(
    places: Float[Array, "b h w"], count: int
) -> tuple[Array, Float[Array, "b h w 1"]]:
    """The coefficient before each place, with one after it, and the share of that one."""
    places = jnp.maximum(jnp.clip(places, 0, count - 1) - SHIFT, 0)
    cell = jnp.minimum(jnp.floor(places), count - 2)
    return cell.astype(jnp.int32), (places - cell)[..., None]
