"""G, the SPADE decoder: W's feature map to an image.

Residual blocks whose instance-normalised activations are scaled and shifted per pixel by small
convolutions of the feature map (SPADE, Park et al. 2019); two doublings and a pixel shuffle.
Defaults are LivePortrait's: (b, 64, 64, 256) to (b, 512, 512, 3) in [0, 1].

Options that the paper's configuration leaves off: G also takes the source image as warped by
W's 2-D flow, with its visibility, and blends it with what it draws itself (`picture_skip`); W's
keypoint code as further channels of the modulating map (it suffices to pass it); one hidden map per
block at the feature map's own resolution (`shared_modulation`, a third of the cost); and heat maps
of some keypoints where pixels are drawn (`drawn_keypoints`: eyes and lips, which are drawn rather
than copied from the source, whose expression is another).
"""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.models.head_motion import picture_heat_maps
from playmate_jax.models.normalization import instance_norm
from playmate_jax.models.resampling import bilinear_up, nearest_up, pixel_shuffle, pixel_unshuffle
from playmate_jax.models.spectral import SpectralConv2d


@dataclasses.dataclass(frozen=True)
class SpadeConfig:
    """Sizes of G: the image is `2 ** len(up_channels) * upscale` times the feature map."""

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
        channels = x.shape[-1]
        window = (self.config.modulation_kernel,) * 2
        seg = nearest_up(seg, x.shape[1] // seg.shape[1])
        hidden = nn.relu(nn.Conv(self.config.hidden_channels, (3, 3), name="shared")(seg))
        gamma = nn.Conv(channels, window, name="gamma")(hidden)
        beta = nn.Conv(channels, window, name="beta")(hidden)
        return instance_norm(x) * (1.0 + gamma) + beta


class SharedSpade(nn.Module):
    """SPADE whose hidden map is given: per-pixel scale and shift by a 1x1 convolution of it."""

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], hidden: Float[Array, "b h2 w2 s"]
    ) -> Float[Array, "b h w c"]:
        # A 1x1 convolution and a nearest doubling commute: convolve where there are fewer cells.
        both = nn.Conv(2 * x.shape[-1], (1, 1), name="gamma_beta")(hidden)
        gamma, beta = jnp.split(nearest_up(both, x.shape[1] // both.shape[1]), 2, axis=-1)
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
        shared = self.config.shared_modulation
        if shared:
            seg = nn.relu(nn.Conv(self.config.hidden_channels, (3, 3), name="shared")(seg))
        y = x
        for i, width in enumerate((middle, self.features)):
            y = nn.leaky_relu(self._norm(f"norm_{i}")(y, seg), 0.2)
            y = self._conv(width, 3, True, f"conv_{i}", y, train)
        if x.shape[-1] != self.features:
            x = self._norm("norm_shortcut")(x, seg)
            x = self._conv(self.features, 1, False, "conv_shortcut", x, train)
        return x + y

    def _norm(self, name: str) -> nn.Module:
        if self.config.shared_modulation:
            return SharedSpade(name=name)
        return Spade(self.config, name=name)

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
        warped_image: Float[Array, "b H W 3"] | None = None,
        visibility: Float[Array, "b h w 1"] | None = None,
        keypoint_code: Float[Array, "b n"] | None = None,
        kp_driving: Float[Array, "b k 3"] | None = None,
        train: bool = False,
    ) -> Float[Array, "b H W 3"]:
        """The image in [0, 1]; the optional inputs are those of the options."""
        config = self.config
        if config.picture_skip and (warped_image is None or visibility is None):
            raise ValueError("picture_skip needs the warped image and its visibility")
        if not config.picture_skip:
            warped_image = visibility = None
        seg = feature
        if keypoint_code is not None:
            spread = keypoint_code[:, None, None]
            spread = jnp.broadcast_to(spread, (*feature.shape[:-1], spread.shape[-1]))
            seg = jnp.concatenate([feature, spread], axis=-1)
        x = nn.Conv(config.middle_channels, (3, 3), name="first")(feature)
        for i in range(config.middle_blocks):
            x = SpadeBlock(config, config.middle_channels, name=f"middle_{i}")(x, seg, train)
        for i, features in enumerate(config.up_channels):
            if config.shared_modulation and x.shape[-1] != features:
                # Narrowed where there are fewer cells, the block needs no learned shortcut.
                x = nn.Conv(features, (1, 1), name=f"narrow_{i}")(x)
            x = nearest_up(x)
            if warped_image is not None and i == len(config.up_channels) - 1:
                cells = [pixel_unshuffle(2.0 * warped_image - 1.0, config.upscale)]
                cells.append(bilinear_up(visibility, *x.shape[1:3]))
                if config.drawn_keypoints:
                    cells.append(self._drawn(kp_driving, *x.shape[1:3], std=0.05))
                cells = jnp.concatenate(cells, axis=-1)
                x = x + nn.Conv(x.shape[-1], (1, 1), name="picture")(cells)
            x = SpadeBlock(config, features, name=f"up_{i}")(x, seg, train)
        colours = 4 if config.picture_skip else 3
        head = nn.Conv(colours * config.upscale**2, (3, 3), name="image")
        logits = pixel_shuffle(head(nn.leaky_relu(x, 0.2)), config.upscale)
        drawn = nn.sigmoid(logits[..., :3])
        if warped_image is None or visibility is None:
            return drawn
        share = logits[..., 3:]
        if config.drawn_keypoints:
            # Before any learning: copy the warped source, but draw eyes and lips.
            near = self._drawn(kp_driving, *drawn.shape[1:3], std=0.07)
            share = share + 2.0 - 5.0 * jnp.minimum(jnp.sum(near, axis=-1, keepdims=True), 1.0)
        share = nn.sigmoid(share) * bilinear_up(visibility, *drawn.shape[1:3])
        return share * warped_image + (1.0 - share) * drawn

    def _drawn(
        self, keypoints: Float[Array, "b k 3"], height: int, width: int, std: float
    ) -> Float[Array, "b h w n"]:
        chosen = keypoints[:, jnp.array(self.config.drawn_keypoints)]
        return picture_heat_maps(chosen, height, width, std)
