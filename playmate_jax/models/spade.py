"""G, the SPADE decoder: W's feature map to an image.

Residual blocks whose instance-normalised activations are scaled and shifted per pixel by small
convolutions of the feature map (SPADE, Park et al. 2019); two doublings and a pixel shuffle.
Defaults are LivePortrait's: (b, 64, 64, 256) to (b, 512, 512, 3) in [0, 1].
"""

import dataclasses

import flax.linen as nn
from jaxtyping import Array, Float

from playmate_jax.models.convolution import Conv
from playmate_jax.models.normalization import instance_norm
from playmate_jax.models.resampling import nearest_up, pixel_shuffle
from playmate_jax.models.spectral import SpectralConv2d

# The last layers of a modulation start small: a fresh block is nearly an instance norm.
MODULATION_START = nn.initializers.variance_scaling(0.3**2, "fan_in", "truncated_normal")


@dataclasses.dataclass(frozen=True)
class SpadeConfig:
    """Sizes of G: the image is `2 ** len(up_channels) * upscale` times the feature map.

    `spectral_norm` is off and `picture_skip`, `shared_modulation` and `drawn_keypoints` are on in
    small renderers (`models/small/spade.py`), and only there.
    """

    middle_channels: int = 512
    middle_blocks: int = 6
    up_channels: tuple[int, ...] = (256, 64)
    hidden_channels: int = 128
    modulation_kernel: int = 3
    upscale: int = 2
    spectral_norm: bool = True
    picture_skip: bool = False
    shared_modulation: bool = False
    drawn_keypoints: tuple[int, ...] = ()


class Spade(nn.Module):
    """Instance norm, then scale and shift per pixel from the feature map `seg`."""

    config: SpadeConfig

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], seg: Float[Array, "b h2 w2 s"]
    ) -> Float[Array, "b h w c"]:
        channels, start = x.shape[-1], MODULATION_START
        window = (self.config.modulation_kernel,) * 2
        seg = nearest_up(seg, x.shape[1] // seg.shape[1])
        hidden = nn.relu(Conv(self.config.hidden_channels, (3, 3), name="shared")(seg))
        gamma = Conv(channels, window, kernel_init=start, name="gamma")(hidden)
        beta = Conv(channels, window, kernel_init=start, name="beta")(hidden)
        return instance_norm(x) * (1.0 + gamma) + beta


class SpadeBlock(nn.Module):
    """Residual block of two SPADE-normalised convolutions, a learned shortcut if width changes."""

    config: SpadeConfig
    features: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w i"], seg: Float[Array, "b h2 w2 s"], train: bool = False
    ) -> Float[Array, "b h w o"]:
        y = x
        for i, width in enumerate((min(x.shape[-1], self.features), self.features)):
            y = nn.leaky_relu(Spade(self.config, name=f"norm_{i}")(y, seg), 0.2)
            y = SpectralConv2d(width, name=f"conv_{i}")(y, train)
        if x.shape[-1] != self.features:
            x = Spade(self.config, name="norm_shortcut")(x, seg)
            x = SpectralConv2d(self.features, 1, use_bias=False, name="conv_shortcut")(x, train)
        return x + y


class SpadeDecoder(nn.Module):
    """G of LivePortrait: a feature map to an image in [0, 1]; `train` refines spectral norms."""

    config: SpadeConfig = SpadeConfig()

    @nn.compact
    def __call__(
        self, feature: Float[Array, "b h w c"], train: bool = False
    ) -> Float[Array, "b H W 3"]:
        config = self.config
        x = Conv(config.middle_channels, (3, 3), name="first")(feature)
        for i in range(config.middle_blocks):
            x = SpadeBlock(config, config.middle_channels, name=f"middle_{i}")(x, feature, train)
        for i, features in enumerate(config.up_channels):
            x = SpadeBlock(config, features, name=f"up_{i}")(nearest_up(x), feature, train)
        head = Conv(3 * config.upscale**2, (3, 3), name="image")
        return nn.sigmoid(pixel_shuffle(head(nn.leaky_relu(x, 0.2)), config.upscale))
