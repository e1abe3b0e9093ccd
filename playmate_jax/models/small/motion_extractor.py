"""M of small renderers: 3x3 convolutions instead of a ConvNeXt, a third of its cost on a CPU.

Input: image (b, h, w, 3) in [0, 1]; outputs are those of `models/motion_extractor.py`. Positions
are kept where LivePortrait's M takes a mean: a narrow map is flattened and mixed.
"""

import flax.linen as nn
from jaxtyping import Array, Float

from playmate_jax.models.convnext import LayerNorm
from playmate_jax.models.convolution import Conv
from playmate_jax.models.motion_extractor import MotionConfig, motion_heads
from playmate_jax.models.resampling import mean_pool, pixel_unshuffle
from playmate_jax.models.small.blocks import GroupBlock2d


class PlainTrunk(nn.Module):
    """Stages of 3x3 convolutions, a mean over 2x2 cells between them, after a patch's unfolding."""

    depths: tuple[int, ...]
    dims: tuple[int, ...]
    patch: int

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> Float[Array, "b h2 w2 c"]:
        x = pixel_unshuffle(2.0 * image - 1.0, self.patch)
        for i, (depth, dim) in enumerate(zip(self.depths, self.dims, strict=True)):
            x = mean_pool(x) if i else x
            for j in range(depth):
                x = GroupBlock2d(dim, 0.1, name=f"stage_{i}_block_{j}")(x)
        return x


class SmallMotionExtractor(nn.Module):
    """M of small renderers; `flat_channels` is the width of the map that is flattened."""

    config: MotionConfig

    @nn.compact
    def __call__(
        self, image: Float[Array, "b h w 3"], train: bool = False
    ) -> dict[str, Float[Array, "b _"]]:
        config = self.config
        x = PlainTrunk(config.depths, config.dims, config.patch, name="trunk")(image)
        x = Conv(config.flat_channels, (1, 1), name="flat")(x)
        x = nn.Dense(config.dims[-1], name="mix")(x.reshape(x.shape[0], -1))
        x = LayerNorm(name="norm")(nn.gelu(x, approximate=False))
        return motion_heads(x, config.keypoints)
