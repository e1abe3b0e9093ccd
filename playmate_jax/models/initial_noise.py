"""Keys for drawing initial parameters: a random generator that compiles quickly.

Linen draws every parameter under a key of its own. With JAX's threefry a small renderer's hundred
draws are hundreds of kernels of a hundred operations, and XLA compiles them for 80 s on a CPU. A
hash of the counter (lowbias32 of hash-prospector, twice) is ten operations and good enough for
initial weights; it is not for sampling. Draws are pure functions of the key, on any device.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.random import define_prng_impl
from jaxtyping import Array, UInt32


def initial_key(key: jax.Array) -> jax.Array:
    """A key of the quick generator from any other key, to be given to a module's `init`."""
    words = jax.random.key_data(key).reshape(-1).astype(jnp.uint32)[-2:]
    return jax.random.wrap_key_data(words, impl=HASH)


def mixed(x: UInt32[Array, "..."]) -> UInt32[Array, "..."]:
    """lowbias32: every bit of the input flips every bit of the output with a chance of one half."""
    x = (x ^ (x >> 16)) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * np.uint32(0x846CA68B)
    return x ^ (x >> 16)


def _seed(seed: Array) -> UInt32[Array, "2"]:
    return _fold_in(jnp.zeros(2, jnp.uint32), seed.astype(jnp.uint32))


def _fold_in(key: UInt32[Array, "2"], data: UInt32[Array, ""]) -> UInt32[Array, "2"]:
    offsets = np.array([0x9E3779B9, 0x85EBCA6B], np.uint32)
    return mixed(mixed(data + offsets) ^ key)


def _split(key: UInt32[Array, "2"], shape: tuple[int, ...]) -> UInt32[Array, "*n 2"]:
    counter = jnp.arange(int(np.prod(shape)), dtype=jnp.uint32)
    return jax.vmap(_fold_in, (None, 0))(key, counter).reshape(*shape, 2)


def _bits(key: UInt32[Array, "2"], bit_width: int, shape: tuple[int, ...]) -> Array:
    if bit_width != 32:  # noqa: PLR2004
        raise ValueError(f"expected float32 parameters, found draws of {bit_width} bits")
    counter = jax.lax.iota(jnp.uint32, int(np.prod(shape)))
    return mixed(mixed(counter + key[0]) ^ key[1]).reshape(shape)


HASH = define_prng_impl(
    key_shape=(2,), seed=_seed, split=_split, random_bits=_bits, fold_in=_fold_in,
    name="initial_noise", tag="noise",
)  # fmt: skip
