"""W, the warping network: a source volume and two sets of keypoints to a warped feature map.

An hourglass looks at K + 1 shifted copies of the (compressed) volume and at the keypoints' heat
maps, and mixes the K + 1 candidate motions per cell by a softmax ("mask"); the volume is sampled
at the resulting "deformation", flattened and multiplied by an "occlusion_map". Defaults are
LivePortrait's: volume 16 x 64 x 64 x 32, out 64 x 64 x 256.

Options that the paper's configuration leaves off, for small renderers:
`hourglass_inputs`  a 1x1x1 convolution narrows what enters the hourglass (110 channels else);
`keypoint_code`     an MLP of both sets of keypoints, as constant channels of the hourglass's
                    input and an extra output for G;
`picture_flow`      also a 2-D flow for the source image itself ("picture_flow", to be added to
                    pixel coordinates) and its "visibility" in (0, 1), for G's blending.
`rigid_keypoints`   keypoints that expression hardly moves: where given, the head's own motion is a
                    candidate, and W is `head_warping.HeadWarpingNetwork`.
"""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Float

from playmate_jax.geometry.grid_sample import grid_sample_3d
from playmate_jax.models import sparse_motion
from playmate_jax.models.conv3d import Conv3d
from playmate_jax.models.normalization import normalization
from playmate_jax.models.resblocks import ConvBlock2d, Hourglass3d


@dataclasses.dataclass(frozen=True)
class WarpingConfig:
    """Sizes of W. The volume's own size comes with the volume."""

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
    """W. Keypoints are x, y, z in [-1, 1] (`geometry.keypoints`)."""

    config: WarpingConfig = WarpingConfig()

    @nn.compact
    def __call__(
        self,
        volume: Float[Array, "b z h w c"],
        kp_source: Float[Array, "b k 3"],
        kp_driving: Float[Array, "b k 3"],
        train: bool = False,
    ) -> dict[str, Array]:
        """Returns out (b, h, w, o), deformation (b, z, h, w, 3), occlusion_map (b, h, w, 1), mask
        (b, z, h, w, k + 1); with the options keypoint_code (b, n), picture_flow (b, h, w, 2) and
        visibility (b, h, w, 1)."""
        config = self.config
        outputs = {}
        shifts = sparse_motion.candidate_shifts(kp_source, kp_driving)
        places = sparse_motion.candidate_coordinates(kp_source, kp_driving, volume.shape[1:4])
        x = self._hourglass_input(volume, places, kp_source, kp_driving, train)
        if config.keypoint_code:
            code = self._keypoint_code(kp_source, kp_driving)
            outputs["keypoint_code"] = code
            spread = jnp.broadcast_to(
                code[:, None, None, None], (*x.shape[:-1], config.keypoint_code)
            )
            x = jnp.concatenate([x, spread], axis=-1)
        x = Hourglass3d(
            config.hourglass_channels,
            config.hourglass_blocks,
            config.hourglass_max_channels,
            config.norm,
            name="hourglass",
        )(x, train)
        logits = Conv3d(config.keypoints + 1, config.mask_kernel, name="mask")(x)
        outputs["mask"] = nn.softmax(logits, axis=-1)
        outputs["deformation"] = sparse_motion.mixed_coordinates(outputs["mask"], shifts)
        flat = rearrange(x, "b z h w c -> b h w (c z)")
        window = (config.mask_kernel, config.mask_kernel)
        outputs["occlusion_map"] = nn.sigmoid(nn.Conv(1, window, name="occlusion")(flat))
        if config.picture_flow:
            outputs |= self._image_flow(flat, shifts)
        warped = grid_sample_3d(volume, outputs["deformation"])
        warped = rearrange(warped, "b z h w c -> b h w (c z)")
        third = ConvBlock2d(config.out_channels, config.norm, negative_slope=0.01, name="third")
        out = nn.Conv(config.out_channels, (1, 1), name="fourth")(third(warped, train))
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
        norm = normalization(config.norm, config.compressed_channels, train, "compress_norm")
        shifted = sparse_motion.moved_volumes(nn.relu(norm(small)), places)
        size = volume.shape[1:4]
        driving, source = (
            sparse_motion.heat_maps(keypoints, size, config.heat_map_variance)
            for keypoints in (kp_driving, kp_source)
        )
        heat = jnp.pad(driving - source, ((0, 0),) * 4 + ((1, 0),))
        x = jnp.concatenate([heat[..., None], shifted], axis=-1)
        x = rearrange(x, "b z h w m c -> b z h w (m c)")
        if config.hourglass_inputs:
            x = nn.relu(Conv3d(config.hourglass_inputs, 1, name="narrow")(x))
        return x

    def _keypoint_code(
        self, kp_source: Float[Array, "b k 3"], kp_driving: Float[Array, "b k 3"]
    ) -> Float[Array, "b n"]:
        width = self.config.keypoint_code
        b = kp_source.shape[0]
        # The difference carries the expression and is far smaller than the positions: its own
        # channels spare the first layer from learning the subtraction.
        pair = jnp.concatenate([kp_driving, (kp_driving - kp_source) * 5.0], axis=-1)
        x = nn.silu(nn.Dense(4 * width, name="code_0")(pair.reshape(b, -1)))
        return nn.silu(nn.Dense(width, name="code_1")(x))

    def _image_flow(
        self, flat: Float[Array, "b h w i"], shifts: Float[Array, "b m 3"]
    ) -> dict[str, Float[Array, "b h w _"]]:
        motions = shifts.shape[1]
        head = nn.Conv(motions + 3, (3, 3), name="picture")(flat)
        mask = nn.softmax(head[..., :motions], axis=-1)
        flow = jnp.einsum("bhwm,bmc->bhwc", mask, shifts[..., :2], precision="highest")
        # A free residual follows what no mean of shifts reaches, such as a turn of the head.
        flow = flow + 0.1 * head[..., motions : motions + 2]
        return {"picture_flow": flow, "visibility": nn.sigmoid(head[..., motions + 2 :])}
