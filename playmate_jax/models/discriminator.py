"""Patch discriminators at several scales, for the renderer's GAN loss (face-vid2vid, FACTS 9.3).

Each scale's network (FOMM's): blocks of a 4x4 convolution without padding, instance normalisation
(but in the first), leaky ReLU and a mean over 2x2 cells (but in the last), then one logit a patch.
Convolutions are under spectral normalisation. Face-vid2vid takes one scale at 256 x 256 and two at
512 x 512. Features of every block are returned for feature matching.

Input: images (b, h, w, 3) in [0, 1].
"""

import dataclasses

import flax.linen as nn
from jaxtyping import Array, Float

from playmate_jax.models.normalization import instance_norm
from playmate_jax.models.resampling import mean_pool
from playmate_jax.models.spectral import SpectralConv2d


@dataclasses.dataclass(frozen=True)
class DiscriminatorConfig:
    """Sizes; widths double per block from `channels` up to `max_channels`.

    Attributes:
      scales: how many; each sees the image at half the side of the one before.
    """

    channels: int = 32
    max_channels: int = 512
    blocks: int = 4
    kernel_size: int = 4
    scales: int = 2

    def widths(self) -> list[int]:
        """The number of output channels of every block."""
        return [min(self.max_channels, self.channels * 2 ** (i + 1)) for i in range(self.blocks)]


class AffineInstanceNorm(nn.Module):
    """Instance normalisation with a scale and a bias per channel."""

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        scale = self.param("scale", nn.initializers.ones, x.shape[-1:])
        bias = self.param("bias", nn.initializers.zeros, x.shape[-1:])
        return instance_norm(x) * scale + bias


class PatchDiscriminator(nn.Module):
    """One scale: logits (b, h2, w2, 1) and the features of every block."""

    config: DiscriminatorConfig

    @nn.compact
    def __call__(
        self, image: Float[Array, "b h w 3"], train: bool = False
    ) -> tuple[Float[Array, "b h2 w2 1"], list[Array]]:
        c, x, features = self.config, image, []
        for i, width in enumerate(c.widths()):
            conv = SpectralConv2d(width, c.kernel_size, padding="VALID", name=f"block_{i}_conv")
            x = conv(x, train)
            x = AffineInstanceNorm(name=f"block_{i}_norm")(x) if i else x
            x = nn.leaky_relu(x, 0.2)
            x = mean_pool(x) if i < c.blocks - 1 else x
            features.append(x)
        return SpectralConv2d(1, 1, name="logits")(x, train), features


class MultiScaleDiscriminator(nn.Module):
    """A `PatchDiscriminator` per scale, largest first."""

    config: DiscriminatorConfig = DiscriminatorConfig()

    @nn.compact
    def __call__(
        self, image: Float[Array, "b h w 3"], train: bool = False
    ) -> list[tuple[Float[Array, "b h2 w2 1"], list[Array]]]:
        found = []
        for i in range(self.config.scales):
            image = mean_pool(image) if i else image
            found.append(PatchDiscriminator(self.config, name=f"scale_{i}")(image, train))
        return found
