"""W of small renderers: LivePortrait's warping network with the head's motion as a candidate.

The same inputs and outputs as `models/warping.py`, for volumes of a few depth cells, with three
changes: the candidate motions are "still", "with the head" (affine, `head_motion.py`) and "with the
head plus keypoint k's expression"; depth lies on the channels, so that every convolution is 2-D;
and the visible surface's depth is estimated, so that the source image can be warped as well as the
volume. The mask starts from distances to the keypoints: a fresh network already turns heads.
"""

import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Float

from playmate_jax.geometry.grid_sample import cell_centres, grid_sample_3d
from playmate_jax.models.convolution import Conv
from playmate_jax.models.resampling import mean_pool, nearest_up
from playmate_jax.models.small import head_motion
from playmate_jax.models.small.blocks import GroupBlock2d
from playmate_jax.models.warping import WarpingConfig

# What decides a warp starts small: noise of a tenth of the usual standard deviation.
SMALL_START = nn.initializers.variance_scaling(0.1**2, "fan_in", "truncated_normal")


class Hourglass2d(nn.Module):
    """Encoder and decoder with skips, added rather than concatenated; output width `channels`."""

    channels: int
    blocks: int
    max_channels: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b h w o"]:
        widths = [min(self.max_channels, self.channels * 2**i) for i in range(self.blocks + 1)]
        skips = [GroupBlock2d(widths[0], name="in")(x)]
        for i, width in enumerate(widths[1:]):
            # Halved before the convolution, at a quarter of the cost; the skip keeps the detail.
            down = GroupBlock2d(width, name=f"down_{i}")
            skips.append(down(mean_pool(skips[-1])))
        x = skips.pop()
        x = x + GroupBlock2d(widths[-1], name="bottom")(x)
        for i, width in reversed(list(enumerate(widths[:-1]))):
            # The 1x1 before the doubling costs a quarter of one after it.
            x = nearest_up(Conv(width, (1, 1), name=f"lift_{i}")(x)) + skips.pop()
            x = GroupBlock2d(width, name=f"up_{i}")(x)
        return x


class HeadWarpingNetwork(nn.Module):
    """W with head motion; keypoints are x, y, z in [-1, 1]."""

    config: WarpingConfig

    @nn.compact
    def __call__(
        self,
        volume: Float[Array, "b z h w c"],
        kp_source: Float[Array, "b k 3"],
        kp_driving: Float[Array, "b k 3"],
        train: bool = False,
    ) -> dict[str, Array]:
        """`warping.WarpingNetwork`'s outputs, and keypoint_code (b, n), surface_depth (b, h, w, 1),
        picture_flow (b, h, w, 2) in units of half the image, and visibility (b, h, w, 1) in
        (0, 1)."""
        config = self.config
        b, depth, height, width, _ = volume.shape
        outputs: dict[str, Array] = {}

        # Candidate motions, as displacements from the driving to the source frame.
        weights = jnp.full(config.keypoints, 0.05).at[jnp.array(config.rigid_keypoints)].set(1.0)
        affine = head_motion.affine_motion(kp_driving, kp_source, weights)
        residual = kp_source - kp_driving - head_motion.displacement(affine, kp_driving)
        plane = jnp.broadcast_to(
            head_motion.pixel_grid(height, width), (b, depth, height, width, 2)
        )
        levels = jnp.broadcast_to(
            cell_centres(depth)[:, None, None, None], (b, depth, height, width, 1)
        )
        cells = jnp.concatenate([plane, levels], axis=-1)
        with_head = head_motion.displacement(affine, cells)

        # What the hourglass sees: the volume still and turned, heat maps, the keypoints' code.
        small = Conv(config.compressed_channels, (1, 1), name="compress")(volume)
        turned = grid_sample_3d(small, cells + with_head)
        flat = [rearrange(v, "b z h w c -> b h w (z c)") for v in (small, turned)]
        heat = head_motion.image_heat_maps(kp_driving, height, width, 0.1)
        x = jnp.concatenate([*flat, heat], axis=-1)
        code = self._keypoint_code(kp_driving, residual)
        spread = jnp.broadcast_to(code[:, None, None], (b, height, width, code.shape[-1]))
        x = jnp.concatenate([x, spread], axis=-1)
        x = nn.relu(Conv(config.hourglass_channels, (1, 1), name="narrow")(x))
        x = Hourglass2d(
            config.hourglass_channels,
            config.hourglass_blocks,
            config.hourglass_max_channels,
            name="hourglass",
        )(x)

        # Mask, surface, visibility: small corrections to what the keypoints say already.
        motions = config.keypoints + 2
        window = (config.mask_kernel, config.mask_kernel)
        head = Conv(motions + 5, window, kernel_init=SMALL_START, name="motion_head")(x)
        squared = head_motion.squared_distances(kp_driving, height, width)
        mask = nn.softmax(head[..., :motions] + head_motion.motion_prior(squared), axis=-1)
        shift = jnp.einsum("bhwk,bkc->bhwc", mask[..., 2:], residual, precision="highest")
        moving = 1.0 - mask[..., :1]
        surface = (
            head_motion.surface_depth(kp_driving, squared) + 0.2 * head[..., motions : motions + 1]
        )
        visible_at = jnp.concatenate([plane[:, 0], surface], axis=-1)
        flow = moving * head_motion.displacement(affine, visible_at)[..., :2] + shift[..., :2]
        outputs["picture_flow"] = flow + 0.1 * head[..., motions + 1 : motions + 3]
        outputs["surface_depth"] = surface
        outputs["mask"] = mask
        outputs["visibility"] = nn.sigmoid(1.0 + head[..., motions + 3 : motions + 4])
        outputs["occlusion_map"] = nn.sigmoid(1.0 + head[..., motions + 4 :])

        outputs["keypoint_code"] = code
        outputs["deformation"] = cells + moving[:, None] * with_head + shift[:, None]
        warped = grid_sample_3d(volume, outputs["deformation"])
        warped = rearrange(warped, "b z h w c -> b h w (z c)") * outputs["occlusion_map"]
        # Unlike LivePortrait's, this feature map also says what to draw where nothing is visible.
        out = jnp.concatenate([warped, x], axis=-1)
        outputs["out"] = nn.leaky_relu(Conv(config.out_channels, (1, 1), name="third")(out), 0.1)
        return outputs

    def _keypoint_code(
        self, kp_driving: Float[Array, "b k 3"], residual: Float[Array, "b k 3"]
    ) -> Float[Array, "b n"]:
        """Residuals are the change of expression, free of pose, a tenth of the positions."""
        width = self.config.keypoint_code
        pair = jnp.concatenate([kp_driving, 10.0 * residual], axis=-1)
        x = nn.silu(nn.Dense(4 * width, name="code_0")(pair.reshape(pair.shape[0], -1)))
        return nn.silu(nn.Dense(width, name="code_1")(x))
