"""Dropout whose masks belong to the row: a hash of (row's seed, layer, place, element).

A row's mask does not depend on the other rows nor on how the batch is divided over devices, and is
made anew in the backward pass: no mask is stored. The hash (lowbias32 of hash-prospector on a
counter) is a dozen integer operations that XLA fuses into whatever reads the result, where a
threefry draw is hundreds; it decides what is dropped, it is not for sampling.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, UInt32

from playmate_jax.models.initial_noise import mixed

Seeds = UInt32[Array, "b"] | None  # one a row; None: nothing is dropped


def split_seeds(seeds: Seeds, n: int) -> UInt32[Array, "n b"] | tuple[None, ...]:
    """Independent seeds for n layers, or for n places of a layer."""
    if seeds is None:
        return (None,) * n
    number = jnp.arange(1, n + 1, dtype=jnp.uint32)[:, None]
    return mixed(mixed(seeds + number * np.uint32(0x9E3779B9)) ^ number)


def kept(shape: tuple[int, ...], rate: float, seeds: UInt32[Array, "b"]) -> Bool[Array, "b *x"]:
    """The mask of an array (b, ...): True with chance 1 - rate."""
    counter = jnp.zeros(shape, jnp.uint32)
    stride = 1
    for axis in range(len(shape) - 1, 0, -1):
        counter += jax.lax.broadcasted_iota(jnp.uint32, shape, axis) * np.uint32(stride)
        stride *= shape[axis]
    seeds = seeds.reshape(-1, *(1,) * (len(shape) - 1))
    # A step of its own for every row: with one step, two rows of close seeds would be the same
    # sequence shifted.
    return mixed(counter * (mixed(seeds) | 1) + seeds) >= np.uint32(round(rate * 2**32))


def row_dropout(x: Float[Array, "b *x"], rate: float, seeds: Seeds) -> Float[Array, "b *x"]:
    """Each element zero with chance `rate`, else divided by (1 - rate); x itself without seeds.

    Linear in x, and its own transpose: backward passes apply it to the cotangent.
    """
    if seeds is None or rate == 0:
        return x
    return jnp.where(kept(x.shape, rate, seeds), x * (1 / (1 - rate)), 0)
