"""F of small renderers: a source image (b, h, w, 3) in [0, 1] to a volume (b, z, h/p, w/p, c).

Squares of p x p pixels (`patch`) are laid on the channels; one block and a 1x1 convolution follow,
whose channels are read as (channel, depth). No downsample blocks, no residual blocks.
"""

import flax.linen as nn
from einops import rearrange
from jaxtyping import Array, Float

from playmate_jax.models.appearance import AppearanceConfig
from playmate_jax.models.convolution import Conv
from playmate_jax.models.resampling import pixel_unshuffle
from playmate_jax.models.small.blocks import GroupBlock2d


class SmallAppearanceExtractor(nn.Module):
    """F of small renderers; reads `patch`, `channels` and the volume's sizes of its config."""

    config: AppearanceConfig

    @nn.compact
    def __call__(
        self, image: Float[Array, "b h w 3"], train: bool = False
    ) -> Float[Array, "b z h2 w2 c"]:
        config = self.config
        x = GroupBlock2d(config.channels, name="first")(pixel_unshuffle(image, config.patch))
        x = Conv(config.volume_channels * config.volume_depth, (1, 1), name="second")(x)
        return rearrange(x, "b h w (c z) -> b z h w c", z=config.volume_depth)
