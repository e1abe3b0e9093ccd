"""The one form of every loss on images and keypoints: a mean per row, then its sum over rows.

Sums and counts of rows add up, so a loss is the same however the rows are divided over devices and
microbatches (`parallel/share.py`).
"""

import math

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from playmate_jax.parallel.share import Mean


def row_mean(values: Float[Array, "b *rest"], valid: Bool[Array, " b"] | None = None) -> Mean:
    """The mean over all but the first axis, as sum and count over rows; at least float32.

    Args:
      values: any number per row, the same in every row.
      valid: rows that count; the others may hold anything finite. None: all.
    """
    dtype = jnp.promote_types(values.dtype, jnp.float32)
    means = jnp.mean(values.reshape(values.shape[0], -1), axis=1, dtype=dtype)
    if valid is None:
        return Mean(means.sum(), jnp.asarray(values.shape[0], dtype))
    return Mean(jnp.where(valid, means, 0).sum(), valid.sum(dtype=dtype))


def total(terms: list[Mean]) -> Mean:
    """The sum of some means of the same rows, such as one per scale or layer."""
    return Mean(sum(term.total for term in terms), terms[0].count)


def absolute(x: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """|x| with gradient 0 at 0, as PyTorch's; that of `jnp.abs` is 1 there, which would move what
    is equal already."""
    return x * jnp.sign(x)


def row_norm(values: Float[Array, "b *rest"]) -> Float[Array, " b"]:
    """The root of each row's mean square: its L2 norm over the root of the number of values.

    Its gradient is 0 where all values are 0, as it has none there.
    """
    dtype = jnp.promote_types(values.dtype, jnp.float32)
    size = math.prod(values.shape[1:])
    squares = jnp.square(values.astype(dtype)).reshape(values.shape[0], -1).sum(1)
    positive = squares > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1) / size), 0)
