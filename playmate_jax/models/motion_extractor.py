"""M, the motion extractor: a picture to canonical keypoints, expression and head pose.

Input: picture (b, h, w, 3) in [0, 1]. Outputs are raw; `geometry.keypoints` turns them into a
`Motion`. Defaults are LivePortrait's ConvNeXtV2-Tiny at 256 x 256.
"""

import dataclasses

import flax.linen as nn
from jaxtyping import Array, Float

from playmate_jax.geometry.head_pose import BINS
from playmate_jax.models.convnext import ConvNext, LayerNorm


@dataclasses.dataclass(frozen=True)
class MotionConfig:
    """Sizes of M. `pool` is "mean" (the original) or "flatten", which keeps positions: a narrow
    map of `flat_channels` is flattened and mixed, better for small trunks."""

    keypoints: int = 21
    depths: tuple[int, ...] = (3, 3, 9, 3)
    dims: tuple[int, ...] = (96, 192, 384, 768)
    kernel_size: int = 7
    patch: int = 4
    pool: str = "mean"
    flat_channels: int = 32


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
        trunk = ConvNext(config.depths, config.dims, config.kernel_size, config.patch, name="trunk")
        x = trunk(image)
        if config.pool == "flatten":
            x = nn.Conv(config.flat_channels, (1, 1), name="flat")(x)
            x = nn.gelu(
                nn.Dense(config.dims[-1], name="mix")(x.reshape(x.shape[0], -1)), approximate=False
            )
        else:
            x = x.mean(axis=(1, 2))
        x = LayerNorm(name="norm")(x)
        sizes = {
            "kp": 3 * config.keypoints,
            "scale": 1,
            "pitch": BINS,
            "yaw": BINS,
            "roll": BINS,
            "t": 3,
            "exp": 3 * config.keypoints,
        }
        return {name: nn.Dense(size, name=f"head_{name}")(x) for name, size in sizes.items()}
