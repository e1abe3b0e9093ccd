"""M, the motion extractor: an image to canonical keypoints, expression and head pose.

Input: image (b, h, w, 3) in [0, 1]. Outputs are raw; `geometry.keypoints` turns them into a
`Motion`. Defaults are LivePortrait's ConvNeXtV2-Tiny at 256 x 256.
"""

import dataclasses

import flax.linen as nn
from jaxtyping import Array, Float

from playmate_jax.geometry.head_pose import BINS
from playmate_jax.models.convnext import ConvNext, LayerNorm
from playmate_jax.models.resampling import mean_pool, pixel_unshuffle
from playmate_jax.models.resblocks import ConvBlock2d


@dataclasses.dataclass(frozen=True)
class MotionConfig:
    """Sizes of M.

    Small renderers may take `trunk` "plain" for "convnext": 3x3 convolutions with group
    normalisation, a third of the cost on CPU; and `pool` "flatten" for "mean", which keeps
    positions: a narrow map of `flat_channels` is flattened and mixed.
    """

    keypoints: int = 21
    depths: tuple[int, ...] = (3, 3, 9, 3)
    dims: tuple[int, ...] = (96, 192, 384, 768)
    kernel_size: int = 7
    patch: int = 4
    pool: str = "mean"
    flat_channels: int = 32
    trunk: str = "convnext"


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
                x = ConvBlock2d(dim, "group", 0.1, name=f"stage_{i}_block_{j}")(x)
        return x


class MotionExtractor(nn.Module):
    """M. Returns pitch, yaw, roll (b, 66) logits, t (b, 3), exp (b, 63), scale (b, 1), kp (b, 63).

    `exp` is the expression delta and `kp` the canonical keypoints, each flattened (k 3).
    """

    config: MotionConfig = MotionConfig()

    @nn.compact
    def __call__(
        self, image: Float[Array, "b h w 3"], train: bool = False
    ) -> dict[str, Float[Array, "b _"]]:
        config = self.config
        if config.trunk == "plain":
            trunk = PlainTrunk(config.depths, config.dims, config.patch, name="trunk")
        else:
            sizes = config.depths, config.dims, config.kernel_size, config.patch
            trunk = ConvNext(*sizes, name="trunk")
        x = trunk(image)
        if config.pool == "flatten":
            x = nn.Conv(config.flat_channels, (1, 1), name="flat")(x)
            x = nn.gelu(
                nn.Dense(config.dims[-1], name="mix")(x.reshape(x.shape[0], -1)), approximate=False
            )
        else:
            x = x.mean(axis=(1, 2))
        x = LayerNorm(name="norm")(x)
        heads = {
            "kp": 3 * config.keypoints,
            "scale": 1,
            "pitch": BINS,
            "yaw": BINS,
            "roll": BINS,
            "t": 3,
            "exp": 3 * config.keypoints,
        }
        return {name: nn.Dense(size, name=f"head_{name}")(x) for name, size in heads.items()}
