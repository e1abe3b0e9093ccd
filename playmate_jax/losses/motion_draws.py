"""Every random number of a training step of stages 1 and 2, each row's from the row's own key.

A row of a batch draws the same numbers whatever batch, device, process or microbatch it is part of.
A row takes all its bits in one call of the generator, because every call is one more hash function
to compile.
"""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Key, UInt32

from playmate_jax.models.apart import apart
from playmate_jax.motion.layout import MOTION_SIZE
from playmate_jax.motion.previous_noise import STEPS
from playmate_jax.motion.windows import WindowConfig

CONDITIONS = ("speech", "emotion", "previous")
WORDS = 3 + len(CONDITIONS)  # of 32 random bits, beside the noise


@flax.struct.dataclass
class Draws:
    """The random numbers of n rows.

    Attributes:
      step: diffusion step, (n,) integers in [0, schedule.n_steps).
      noise: of the window's motion, (n, t, 70).
      previous_step, previous_noise: of the previous motion (Eq. 9): (n,) in [0, 49), (n, p, 70).
      chances: (n, 3) in [0, 1), one for each of `CONDITIONS`: below its dropout it is dropped.
      seed: of the network's dropout, (n,) uint32; None: it runs without.
    """

    # Any: while a tree is rebuilt, other things stand in the arrays' places.
    step: Any
    noise: Any
    previous_step: Any
    previous_noise: Any
    chances: Any
    seed: Any


def draws(
    keys: Key[Array, " n"], n_steps: int, window: WindowConfig, dtype: DTypeLike = jnp.float32
) -> Draws:
    """The random numbers of the rows with the (n,) keys given.

    Args:
      n_steps: length of the noise schedule.
      dtype: of the noise.
    """

    n_noise = window.total * MOTION_SIZE
    bits = jax.vmap(lambda key: jax.random.bits(key, (n_noise + WORDS,), jnp.uint32))(keys)
    noise = _normal(bits[:, WORDS:], dtype).reshape(-1, window.total, MOTION_SIZE)
    return Draws(
        step=(bits[:, 0] % n_steps).astype(jnp.int32),  # biased by 1e-6 at most: 2^32 is large
        noise=noise[:, window.previous :],
        previous_step=(bits[:, 1] % STEPS).astype(jnp.int32),
        previous_noise=noise[:, : window.previous],
        chances=(bits[:, 3:WORDS] >> 8).astype(jnp.float32) * 2.0**-24,
        seed=bits[:, 2],
    )


@apart(1)
def _normal(bits: UInt32[Array, "n m"], dtype: DTypeLike) -> Float[Array, "n m"]:
    """Normal noise of 23 random bits each, within 5.3 std: the inverse of the error function at the
    middle of each of 2^23 intervals, which float32 holds exactly."""
    middle = ((bits >> 9).astype(dtype) + 0.5) * 2.0**-22 - 1
    return 2**0.5 * lax.erf_inv(middle)
