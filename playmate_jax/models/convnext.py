"""ConvNeXt V2 (Woo et al. 2023): the trunk of the motion extractor.

Blocks: depthwise convolution, LayerNorm, widening by 4, exact GELU, global response
normalisation, narrowing, residual. LayerNorms use eps 1e-6.
"""

from functools import partial

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.models.depthwise import DepthwiseConv2d

LayerNorm = partial(nn.LayerNorm, epsilon=1e-6, use_fast_variance=False)


class GlobalResponseNorm(nn.Module):
    """x + gamma (x n) + beta, n = the channel's energy over the image relative to their mean."""

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        channels = x.shape[-1]
        gamma = self.param("gamma", nn.initializers.zeros, (channels,))
        beta = self.param("beta", nn.initializers.zeros, (channels,))
        y = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        squares = jnp.sum(jnp.square(y), axis=(1, 2), keepdims=True)
        # sqrt has no finite slope at 0: a channel that is dead everywhere must not give NaN.
        dead = squares == 0.0
        energy = jnp.where(dead, 0.0, jnp.sqrt(jnp.where(dead, 1.0, squares)))
        relative = energy / (jnp.mean(energy, axis=-1, keepdims=True) + 1e-6)
        return (y + gamma * (y * relative) + beta).astype(x.dtype)


class ConvNextBlock(nn.Module):
    """One residual block at constant width."""

    kernel_size: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        channels = x.shape[-1]
        y = DepthwiseConv2d(self.kernel_size, name="depthwise")(x)
        y = LayerNorm(name="norm")(y)
        y = nn.gelu(nn.Dense(4 * channels, name="widen")(y), approximate=False)
        y = GlobalResponseNorm(name="response_norm")(y)
        return x + nn.Dense(channels, name="narrow")(y)


class ConvNext(nn.Module):
    """Trunk: a patch stem, then stages of blocks with a downsample layer between them, named
    `halving_i` on disk."""

    depths: tuple[int, ...]
    dims: tuple[int, ...]
    kernel_size: int
    patch: int

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> Float[Array, "b h2 w2 c"]:
        x = image
        for i, (depth, dim) in enumerate(zip(self.depths, self.dims, strict=True)):
            if i == 0:
                window = (self.patch, self.patch)
                x = nn.Conv(dim, window, strides=window, padding="VALID", name="stem")(x)
                x = LayerNorm(name="stem_norm")(x)
            else:
                x = LayerNorm(name=f"halving_{i}_norm")(x)
                x = nn.Conv(dim, (2, 2), strides=(2, 2), padding="VALID", name=f"halving_{i}")(x)
            for j in range(depth):
                x = ConvNextBlock(self.kernel_size, name=f"stage_{i}_block_{j}")(x)
        return x
