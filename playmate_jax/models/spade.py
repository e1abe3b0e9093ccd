"""G, the SPADE decoder: W's feature map to a picture.

Residual blocks whose instance-normalised activations are scaled and shifted per pixel by small
convolutions of the feature map (SPADE, Park et al. 2019); two doublings and a pixel shuffle.
Defaults are LivePortrait's: (b, 64, 64, 256) to (b, 512, 512, 3) in [0, 1].

Options that the paper's configuration leaves off: G also takes the source picture as warped by
W's 2-D flow, with its visibility, and blends it with what it draws itself (`picture_skip`); and
W's keypoint code as further channels of the modulating map (it suffices to pass it).
"""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.models.normalization import instance_norm
from playmate_jax.models.resampling import bilinear_up, nearest_up, pixel_shuffle, pixel_unshuffle
from playmate_jax.models.spectral import SpectralConv2d


@dataclasses.dataclass(frozen=True)
class SpadeConfig:
    """Sizes of G: the picture is `2 ** len(up_channels) * upscale` times the feature map."""

    middle_channels: int = 512
    middle_blocks: int = 6
    up_channels: tuple[int, ...] = (256, 64)
    hidden_channels: int = 128
    modulation_kernel: int = 3
    upscale: int = 2
    spectral_norm: bool = True
    picture_skip: bool = False


class Spade(nn.Module):
    """Instance norm, then scale and shift per pixel from the feature map `seg`."""

    config: SpadeConfig

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], seg: Float[Array, "b h2 w2 s"]
    ) -> Float[Array, "b h w c"]:
        channels = x.shape[-1]
        window = (self.config.modulation_kernel,) * 2
        seg = nearest_up(seg, x.shape[1] // seg.shape[1])
        hidden = nn.relu(nn.Conv(self.config.hidden_channels, (3, 3), name="shared")(seg))
        gamma = nn.Conv(channels, window, name="gamma")(hidden)
        beta = nn.Conv(channels, window, name="beta")(hidden)
        return instance_norm(x) * (1.0 + gamma) + beta


class SpadeBlock(nn.Module):
    """Residual block of two SPADE-normalised convolutions, a learned shortcut if width changes."""

    config: SpadeConfig
    features: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w i"], seg: Float[Array, "b h2 w2 s"], train: bool = False
    ) -> Float[Array, "b h w o"]:
        middle = min(x.shape[-1], self.features)
        y = x
        for i, width in enumerate((middle, self.features)):
            y = nn.leaky_relu(Spade(self.config, name=f"norm_{i}")(y, seg), 0.2)
            y = self._conv(width, 3, True, f"conv_{i}", y, train)
        if x.shape[-1] != self.features:
            x = Spade(self.config, name="norm_shortcut")(x, seg)
            x = self._conv(self.features, 1, False, "conv_shortcut", x, train)
        return x + y

    def _conv(
        self, features: int, kernel_size: int, use_bias: bool, name: str, x: Array, train: bool
    ) -> Array:
        if self.config.spectral_norm:
            return SpectralConv2d(features, kernel_size, use_bias, name=name)(x, train)
        return nn.Conv(features, (kernel_size,) * 2, use_bias=use_bias, name=name)(x)


class SpadeDecoder(nn.Module):
    """G."""

    config: SpadeConfig = SpadeConfig()

    @nn.compact
    def __call__(
        self,
        feature: Float[Array, "b h w c"],
        warped_picture: Float[Array, "b H W 3"] | None = None,
        visibility: Float[Array, "b h w 1"] | None = None,
        keypoint_code: Float[Array, "b n"] | None = None,
        train: bool = False,
    ) -> Float[Array, "b H W 3"]:
        """The picture in [0, 1]; the optional inputs are those of `picture_skip` and W's code."""
        config = self.config
        seg = feature
        if keypoint_code is not None:
            spread = keypoint_code[:, None, None]
            spread = jnp.broadcast_to(spread, (*feature.shape[:-1], spread.shape[-1]))
            seg = jnp.concatenate([feature, spread], axis=-1)
        x = nn.Conv(config.middle_channels, (3, 3), name="first")(feature)
        for i in range(config.middle_blocks):
            x = SpadeBlock(config, config.middle_channels, name=f"middle_{i}")(x, seg, train)
        for i, features in enumerate(config.up_channels):
            x = nearest_up(x)
            if config.picture_skip and i == len(config.up_channels) - 1:
                cells = pixel_unshuffle(2.0 * warped_picture - 1.0, config.upscale)
                x = x + nn.Conv(x.shape[-1], (3, 3), name="picture")(cells)
            x = SpadeBlock(config, features, name=f"up_{i}")(x, seg, train)
        colours = 4 if config.picture_skip else 3
        head = nn.Conv(colours * config.upscale**2, (3, 3), name="image")
        drawn = nn.sigmoid(pixel_shuffle(head(nn.leaky_relu(x, 0.2)), config.upscale))
        if not config.picture_skip:
            return drawn
        visible = bilinear_up(visibility, *drawn.shape[1:3])
        share = drawn[..., 3:] * visible
        return share * warped_picture + (1.0 - share) * drawn[..., :3]
