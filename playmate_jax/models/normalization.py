"""The normalisation layers of the renderer, with the numerics of its PyTorch original.

"batch" is BatchNorm with stored statistics (collection "batch_stats"); "group" needs no
statistics while training and is what the small configurations use. Both have parameters `scale`
and `bias`. eps is 1e-5 and variances are computed in two passes, as PyTorch does.
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

EPSILON = 1e-5


def normalization(kind: str, channels: int, train: bool, name: str) -> nn.Module:
    """The layer of that kind ("batch", "group") for channels-last arrays of any rank."""
    if kind == "batch":
        # PyTorch's momentum 0.1 is 0.9 here.
        return nn.BatchNorm(
            use_running_average=not train,
            momentum=0.9,
            epsilon=EPSILON,
            use_fast_variance=False,
            name=name,
        )
    if kind == "group":
        return nn.GroupNorm(
            num_groups=math.gcd(8, channels),
            epsilon=EPSILON,
            use_fast_variance=False,
            name=name,
        )
    raise ValueError(f"expected the normalisation 'batch' or 'group', found {kind!r}")


def instance_norm(x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    """Each channel of each image to mean 0 and variance 1 over its pixels, no parameters."""
    mean = jnp.mean(x, axis=(1, 2), keepdims=True)
    variance = jnp.mean(jnp.square(x - mean), axis=(1, 2), keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + EPSILON)
