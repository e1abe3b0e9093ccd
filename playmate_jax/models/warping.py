"""W, the warping network: a source volume and two sets of keypoints to a warped feature map.

An hourglass looks at K + 1 shifted copies of the (compressed) volume and at the keypoints' heat
maps, and mixes the K + 1 candidate motions per cell by a softmax ("mask"); the volume is sampled
at the resulting "deformation", flattened and multiplied by an "occlusion_map". Defaults are
LivePortrait's: volume 16 x 64 x 64 x 32, out 64 x 64 x 256.
"""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Float

from playmate_jax.geometry.grid_sample import grid_sample_3d
from playmate_jax.models import sparse_motion
from playmate_jax.models.conv3d import Conv3d
from playmate_jax.models.convolution import Conv
from playmate_jax.models.normalization import batch_norm
from playmate_jax.models.resblocks import ConvBlock2d, Hourglass3d

# What decides a warp starts small: noise of half the usual standard deviation.
HALF_NOISE = nn.initializers.variance_scaling(0.5**2, "fan_in", "truncated_normal")


@dataclasses.dataclass(frozen=True)
class WarpingConfig:
    """Sizes of W. The volume's own size comes with the volume.

    Attributes:
      rigid_keypoints: keypoints that expression hardly moves. Where there are any, the renderer is
        a small one: W is `models/small/warping.py`'s, which `norm` and `keypoint_code` (its width)
        belong to, and takes neither `heat_map_variance` nor a volume of many depth cells.
      hourglass_inputs, picture_flow: of removed networks; always 0 and False, kept because files
        contain them.
    """

    keypoints: int = 21
    compressed_channels: int = 4
    hourglass_channels: int = 32
    hourglass_blocks: int = 5
    hourglass_max_channels: int = 1024
    mask_kernel: int = 7
    heat_map_variance: float = 0.01
    out_channels: int = 256
    norm: str = "batch"
    hourglass_inputs: int = 0
    keypoint_code: int = 0
    picture_flow: bool = False
    rigid_keypoints: tuple[int, ...] = ()


class WarpingNetwork(nn.Module):
    """W of LivePortrait. Keypoints are x, y, z in [-1, 1] (`geometry.keypoints`)."""

    config: WarpingConfig = WarpingConfig()

    @nn.compact
    def __call__(
        self,
        volume: Float[Array, "b z h w c"],
        kp_source: Float[Array, "b k 3"],
        kp_driving: Float[Array, "b k 3"],
        train: bool = False,
    ) -> dict[str, Array]:
        """Returns out (b, h, w, o), deformation (b, z, h, w, 3) in [-1, 1], occlusion_map
        (b, h, w, 1) in (0, 1), mask (b, z, h, w, k + 1), which sums to one over the candidates."""
        config = self.config
        outputs = {}
        shifts = sparse_motion.candidate_shifts(kp_source, kp_driving)
        places = sparse_motion.candidate_coordinates(kp_source, kp_driving, volume.shape[1:4])
        x = self._hourglass_input(volume, places, kp_source, kp_driving, train)
        x = Hourglass3d(
            config.hourglass_channels,
            config.hourglass_blocks,
            config.hourglass_max_channels,
            name="hourglass",
        )(x, train)
        logits = Conv3d(
            config.keypoints + 1, config.mask_kernel, kernel_init=HALF_NOISE, name="mask"
        )(x)
        # Coordinates, and what is read at them, are float32 whatever the convolutions are.
        outputs["mask"] = nn.softmax(_wide(logits), axis=-1)
        outputs["deformation"] = sparse_motion.mixed_coordinates(outputs["mask"], shifts)
        flat = rearrange(x, "b z h w c -> b h w (c z)")
        window = (config.mask_kernel, config.mask_kernel)
        outputs["occlusion_map"] = nn.sigmoid(Conv(1, window, name="occlusion")(flat))
        warped = grid_sample_3d(_wide(volume), outputs["deformation"]).astype(volume.dtype)
        warped = rearrange(warped, "b z h w c -> b h w (c z)")
        third = ConvBlock2d(config.out_channels, negative_slope=0.01, name="third")
        out = Conv(config.out_channels, (1, 1), name="fourth")(third(warped, train))
        return outputs | {"out": out * outputs["occlusion_map"]}

    def _hourglass_input(
        self,
        volume: Float[Array, "b z h w c"],
        places: list[Float[Array, "b m _"]],
        kp_source: Float[Array, "b k 3"],
        kp_driving: Float[Array, "b k 3"],
        train: bool,
    ) -> Float[Array, "b z h w i"]:
        """Per candidate motion: one heat map (driving minus source) and the shifted volume."""
        config = self.config
        small = Conv3d(config.compressed_channels, 1, name="compress")(volume)
        norm = batch_norm(train, "compress_norm")
        shifted = sparse_motion.moved_volumes(nn.relu(norm(small)), places)
        size = volume.shape[1:4]
        driving, source = (
            sparse_motion.heat_maps(keypoints, size, config.heat_map_variance)
            for keypoints in (kp_driving, kp_source)
        )
        heat = jnp.pad(driving - source, ((0, 0),) * 4 + ((1, 0),))
        x = jnp.concatenate([heat[..., None], shifted], axis=-1).astype(volume.dtype)
        return rearrange(x, "b z h w m c -> b z h w (m c)")


def _wide(x: Array) -> Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
