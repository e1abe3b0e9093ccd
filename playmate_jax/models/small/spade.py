"""G of small renderers: draws an image, and blends in the source image that W has warped.

Where the source is visible its pixels are copied; eyes and lips (`drawn_keypoints`), whose
expression is another in the source, are drawn. One hidden map per block, at the feature map's own
resolution, serves all its SPADE modulations: a third of the cost. W's keypoint code joins the map.
"""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.models.convolution import Conv
from playmate_jax.models.normalization import instance_norm
from playmate_jax.models.resampling import bilinear_up, nearest_up, pixel_shuffle, pixel_unshuffle
from playmate_jax.models.small.head_motion import image_heat_maps
from playmate_jax.models.spade import MODULATION_START, SpadeConfig


class SharedSpade(nn.Module):
    """SPADE whose hidden map is given: per-pixel scale and shift by a 1x1 convolution of it."""

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], hidden: Float[Array, "b h2 w2 s"]
    ) -> Float[Array, "b h w c"]:
        # A 1x1 convolution and a nearest doubling commute: convolve where there are fewer cells.
        both = Conv(2 * x.shape[-1], (1, 1), kernel_init=MODULATION_START, name="gamma_beta")
        scale_shift = nearest_up(both(hidden), x.shape[1] // hidden.shape[1])
        gamma, beta = jnp.split(scale_shift, 2, axis=-1)
        return instance_norm(x) * (1.0 + gamma) + beta


class SharedSpadeBlock(nn.Module):
    """Residual block of two convolutions at constant width, both modulated by one hidden map."""

    hidden_channels: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], seg: Float[Array, "b h2 w2 s"]
    ) -> Float[Array, "b h w c"]:
        features, y = x.shape[-1], x
        hidden = nn.relu(Conv(self.hidden_channels, (3, 3), name="shared")(seg))
        for i in (0, 1):
            y = nn.leaky_relu(SharedSpade(name=f"norm_{i}")(y, hidden), 0.2)
            y = Conv(features, (3, 3), name=f"conv_{i}")(y)
        return x + y


class BlendingDecoder(nn.Module):
    """G of small renderers: feature map and warped source image to an image in [0, 1]."""

    config: SpadeConfig

    @nn.compact
    def __call__(
        self,
        feature: Float[Array, "b h w c"],
        warped_image: Float[Array, "b H W 3"],
        visibility: Float[Array, "b h w 1"],
        keypoint_code: Float[Array, "b n"],
        kp_driving: Float[Array, "b k 3"],
        train: bool = False,
    ) -> Float[Array, "b H W 3"]:
        config = self.config
        spread = keypoint_code[:, None, None]
        spread = jnp.broadcast_to(spread, (*feature.shape[:-1], spread.shape[-1]))
        seg = jnp.concatenate([feature, spread], axis=-1)
        x = Conv(config.middle_channels, (3, 3), name="first")(feature)
        for i in range(config.middle_blocks):
            x = SharedSpadeBlock(config.hidden_channels, name=f"middle_{i}")(x, seg)
        for i, features in enumerate(config.up_channels):
            if x.shape[-1] != features:
                # Narrowed where there are fewer cells.
                x = Conv(features, (1, 1), name=f"narrow_{i}")(x)
            x = nearest_up(x)
            if i == len(config.up_channels) - 1:
                x = x + self._copied(warped_image, visibility, kp_driving, x)
            x = SharedSpadeBlock(config.hidden_channels, name=f"up_{i}")(x, seg)
        head = Conv(4 * config.upscale**2, (3, 3), name="image")
        logits = pixel_shuffle(head(nn.leaky_relu(x, 0.2)), config.upscale)
        drawn, share = nn.sigmoid(logits[..., :3]), logits[..., 3:]
        # Before any learning: copy the warped source, but draw eyes and lips.
        near = self._drawn_places(kp_driving, *drawn.shape[1:3], std=0.07)
        share = share + 2.0 - 5.0 * jnp.minimum(jnp.sum(near, axis=-1, keepdims=True), 1.0)
        share = nn.sigmoid(share) * bilinear_up(visibility, *drawn.shape[1:3])
        return share * warped_image + (1.0 - share) * drawn

    def _copied(
        self, warped_image: Array, visibility: Array, kp_driving: Array, x: Float[Array, "b h w c"]
    ) -> Float[Array, "b h w c"]:
        """What G sees of the warped image, at the size and width of its features `x`."""
        cells = [pixel_unshuffle(2.0 * warped_image - 1.0, self.config.upscale)]
        cells.append(bilinear_up(visibility, *x.shape[1:3]))
        cells.append(self._drawn_places(kp_driving, *x.shape[1:3], std=0.05))
        seen = jnp.concatenate(cells, axis=-1)
        return Conv(x.shape[-1], (1, 1), name="picture")(seen)

    def _drawn_places(
        self, keypoints: Float[Array, "b k 3"], height: int, width: int, std: float
    ) -> Float[Array, "b h w n"]:
        """Heat maps of the keypoints that are drawn rather than copied."""
        chosen = keypoints[:, jnp.array(self.config.drawn_keypoints)]
        return image_heat_maps(chosen, height, width, std)
