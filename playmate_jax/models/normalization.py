"""The normalisation layers of LivePortrait's networks, with the numerics of its PyTorch original.

eps is 1e-5 and variances are computed in two passes, as PyTorch does.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

EPSILON = 1e-5


def batch_norm(train: bool, name: str) -> nn.BatchNorm:
    """BatchNorm of channels-last arrays of any rank; parameters `scale` and `bias` (c,).

    Its running mean and variance are in the collection "batch_stats"; `train` updates them and
    normalises by the batch's own.
    """
    # PyTorch's momentum 0.1 is 0.9 here.
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=0.9,
        epsilon=EPSILON,
        use_fast_variance=False,
        name=name,
    )


def instance_norm(x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    """Each channel of each image to mean 0 and variance 1 over its pixels, no parameters."""
    mean = jnp.mean(x, axis=(1, 2), keepdims=True)
    variance = jnp.mean(jnp.square(x - mean), axis=(1, 2), keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + EPSILON)
