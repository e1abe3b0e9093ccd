"""Changes of resolution: nearest doubling, means over cells, space to channels and back."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def nearest_up(x: Float[Array, "*b h w c"], factor: int = 2) -> Float[Array, "*b h2 w2 c"]:
    """Each cell repeated `factor` times along height and width."""
    if factor == 1:
        return x
    *lead, h, w, c = x.shape
    cells = x[..., :, None, :, None, :]
    repeated = jnp.broadcast_to(cells, (*lead, h, factor, w, factor, c))
    return repeated.reshape(*lead, h * factor, w * factor, c)


def mean_pool(x: Float[Array, "*b h w c"], factor: int = 2) -> Float[Array, "*b h2 w2 c"]:
    """Mean over squares of `factor` x `factor` cells; an odd last row or column is left out."""
    *lead, h, w, c = x.shape
    h, w = h // factor, w // factor
    cells = x[..., : h * factor, : w * factor, :].reshape(*lead, h, factor, w, factor, c)
    return cells.mean(axis=(-4, -2))


def bilinear_up(x: Float[Array, "b h w c"], height: int, width: int) -> Float[Array, "b h2 w2 c"]:
    """Bilinear interpolation between cell centres."""
    return jax.image.resize(x, (x.shape[0], height, width, x.shape[-1]), "bilinear")


def enlarged(
    x: Float[Array, "b h w c"], factor: int, how: str = "linear"
) -> Float[Array, "b h2 w2 c"]:
    """Each cell as `factor` x `factor` cells, interpolated between cell centres; at the border the
    outermost cells go on. A few multiplications for each cell, where `jax.image.resize` multiplies
    by a matrix.

    Args:
      how: "linear", or "cubic" (Catmull-Rom).
    """
    for axis in (2, 1):  # rows last: whole rows are summed where there are most cells
        padded = [(0, 0)] * x.ndim
        padded[axis] = (2, 2)
        cells, n = jnp.pad(x, padded, mode="edge"), x.shape[axis]
        phases = []
        for phase in range(factor):
            place = (phase + 0.5) / factor - 0.5
            total = jnp.zeros(())
            for k in range(-2, 3):
                weight = _KERNELS[how](abs(place - k))
                if weight:
                    total += weight * jax.lax.slice_in_dim(cells, k + 2, k + 2 + n, axis=axis)
            phases.append(total)
        shape = (*x.shape[:axis], n * factor, *x.shape[axis + 1 :])
        x = jnp.stack(phases, axis + 1).reshape(shape)
    return x


def _catmull_rom(d: float) -> float:
    if d >= 2:
        return 0.0
    return 1.5 * d**3 - 2.5 * d**2 + 1 if d <= 1 else -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2


_KERNELS = {"linear": lambda d: max(0.0, 1 - d), "cubic": _catmull_rom}


def pixel_shuffle(x: Float[Array, "b h w c"], factor: int) -> Float[Array, "b h2 w2 c2"]:
    """Channels to space in PyTorch's order: channel (c, i, j) goes to cell (h r + i, w r + j)."""
    b, h, w, c = x.shape
    cells = x.reshape(b, h, w, c // factor**2, factor, factor)
    return cells.transpose(0, 1, 4, 2, 5, 3).reshape(b, h * factor, w * factor, -1)


def pixel_unshuffle(x: Float[Array, "b h w c"], factor: int) -> Float[Array, "b h2 w2 c2"]:
    """Space to channels, the inverse of `pixel_shuffle`."""
    b, h, w, c = x.shape
    cells = x.reshape(b, h // factor, factor, w // factor, factor, c)
    return cells.transpose(0, 1, 3, 5, 2, 4).reshape(b, h // factor, w // factor, -1)
