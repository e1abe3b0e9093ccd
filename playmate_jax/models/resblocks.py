"""Blocks of F and of W's hourglass: convolution, BatchNorm, ReLU; `train` is BatchNorm's."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.models.conv3d import Conv3d
from playmate_jax.models.convolution import Conv
from playmate_jax.models.normalization import batch_norm
from playmate_jax.models.resampling import mean_pool, nearest_up


class ConvBlock2d(nn.Module):
    """3x3 convolution, BatchNorm, (leaky) ReLU, and with `pool` a mean over 2x2 cells."""

    features: int
    negative_slope: float = 0.0
    pool: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w i"], train: bool = False
    ) -> Float[Array, "b h2 w2 o"]:
        x = Conv(self.features, (3, 3), name="conv")(x)
        x = batch_norm(train, name="norm")(x)
        x = nn.leaky_relu(x, self.negative_slope) if self.negative_slope else nn.relu(x)
        return mean_pool(x) if self.pool else x


class ConvBlock3d(nn.Module):
    """3x3x3 convolution, BatchNorm, ReLU; `resample` "up" doubles h, w before, "down" halves
    them after. Depth is kept."""

    features: int
    resample: str = "none"

    @nn.compact
    def __call__(
        self, x: Float[Array, "b z h w i"], train: bool = False
    ) -> Float[Array, "b z h2 w2 o"]:
        x = nearest_up(x) if self.resample == "up" else x
        x = Conv3d(self.features, name="conv")(x)
        x = nn.relu(batch_norm(train, name="norm")(x))
        return mean_pool(x) if self.resample == "down" else x


class ResBlock3d(nn.Module):
    """Pre-activation residual block on a volume, twice BatchNorm, ReLU and convolution."""

    @nn.compact
    def __call__(
        self, x: Float[Array, "b z h w c"], train: bool = False
    ) -> Float[Array, "b z h w c"]:
        features = x.shape[-1]
        y = x
        for i in (1, 2):
            y = nn.relu(batch_norm(train, name=f"norm_{i}")(y))
            y = Conv3d(features, name=f"conv_{i}")(y)
        return x + y


class Hourglass3d(nn.Module):
    """Encoder and decoder in height and width with skips; the output keeps the input's size.

    Widths double per level from `channels` up to `max_channels`; the last block works on
    `channels` + input channels, which is also the output's width.
    """

    channels: int
    blocks: int
    max_channels: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "b z h w i"], train: bool = False
    ) -> Float[Array, "b z h w o"]:
        skips = [x]
        for i in range(self.blocks):
            features = min(self.max_channels, self.channels * 2 ** (i + 1))
            down = ConvBlock3d(features, resample="down", name=f"down_{i}")
            skips.append(down(skips[-1], train))
        x = skips.pop()
        for i in range(self.blocks):
            features = min(self.max_channels, self.channels * 2 ** (self.blocks - 1 - i))
            x = ConvBlock3d(features, resample="up", name=f"up_{i}")(x, train)
            x = jnp.concatenate([x, skips.pop()], axis=-1)
        return ConvBlock3d(x.shape[-1], name="out")(x, train)
