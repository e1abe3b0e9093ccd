"""F, the appearance extractor: a source image to a volume of appearance features.

Input: image (b, h, w, 3) in [0, 1]; output: volume f_s (b, z, h/4, w/4, c) with two downsample
blocks. The defaults are LivePortrait's: 256 x 256 to 16 x 64 x 64 x 32.
"""

import dataclasses

import flax.linen as nn
from einops import rearrange
from jaxtyping import Array, Float

from playmate_jax.models.convolution import Conv
from playmate_jax.models.resblocks import ConvBlock2d, ResBlock3d


@dataclasses.dataclass(frozen=True)
class AppearanceConfig:
    """Sizes of F; widths double per downsample block from `channels` up to `max_channels`.

    Attributes:
      halvings: number of downsample blocks, each of which halves height and width.
      norm, patch: of small renderers' F alone (`models/small/appearance.py`).
    """

    channels: int = 64
    max_channels: int = 512
    halvings: int = 2
    volume_channels: int = 32
    volume_depth: int = 16
    resblocks: int = 6
    norm: str = "batch"
    patch: int = 1


class AppearanceExtractor(nn.Module):
    """F of LivePortrait. The 2-D trunk's channels are read as (channel, depth) of the volume."""

    config: AppearanceConfig = AppearanceConfig()

    @nn.compact
    def __call__(
        self, image: Float[Array, "b h w 3"], train: bool = False
    ) -> Float[Array, "b z h2 w2 c"]:
        config = self.config
        x = ConvBlock2d(config.channels, name="first")(image, train)
        for i in range(config.halvings):
            features = min(config.max_channels, config.channels * 2 ** (i + 1))
            x = ConvBlock2d(features, pool=True, name=f"down_{i}")(x, train)
        x = Conv(config.volume_channels * config.volume_depth, (1, 1), name="second")(x)
        volume = rearrange(x, "b h w (c z) -> b z h w c", z=config.volume_depth)
        for i in range(config.resblocks):
            volume = ResBlock3d(name=f"resblock_{i}")(volume, train)
        return volume
