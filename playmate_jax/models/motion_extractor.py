"""M, the motion extractor: an image to canonical keypoints, expression and head pose.

Input: image (b, h, w, 3) in [0, 1]. Outputs are raw; `geometry.keypoints` turns them into a
`Motion`. Defaults are LivePortrait's ConvNeXtV2-Tiny at 256 x 256.
"""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.geometry.head_pose import BINS
from playmate_jax.models.convnext import ConvNext, LayerNorm


@dataclasses.dataclass(frozen=True)
class MotionConfig:
    """Sizes of M: `patch` is the stem's window, `dims` are widths by stage, `depths` its blocks.

    `pool`, `flat_channels` and `trunk` are of small renderers' M alone
    (`models/small/motion_extractor.py`), which has "flatten" for "mean", "plain" for "convnext".
    """

    keypoints: int = 21
    depths: tuple[int, ...] = (3, 3, 9, 3)
    dims: tuple[int, ...] = (96, 192, 384, 768)
    kernel_size: int = 7
    patch: int = 4
    pool: str = "mean"
    flat_channels: int = 32
    trunk: str = "convnext"


def motion_heads(x: Float[Array, "b c"], keypoints: int) -> dict[str, Float[Array, "b _"]]:
    """The seven linear heads, layers of the linen module whose compact method calls this.

    Returns pitch, yaw, roll (b, 66) as logits, t (b, 3), exp and kp (b, 3 k), scale (b, 1).
    """
    sizes = {"kp": 3 * keypoints, "scale": 1, "pitch": BINS, "yaw": BINS, "roll": BINS}
    sizes |= {"t": 3, "exp": 3 * keypoints}
    return {name: nn.Dense(size, name=f"head_{name}")(x) for name, size in sizes.items()}


class MotionExtractor(nn.Module):
    """M of LivePortrait: `motion_heads` on the spatial mean of a ConvNeXt's features.

    `exp` is the expression delta and `kp` the canonical keypoints, each flattened (k 3).
    """

    config: MotionConfig = MotionConfig()

    @nn.compact
    def __call__(
        self, image: Float[Array, "b h w 3"], train: bool = False
    ) -> dict[str, Float[Array, "b _"]]:
        config = self.config
        sizes = config.depths, config.dims, config.kernel_size, config.patch
        x = ConvNext(*sizes, name="trunk")(image)
        mean = x.mean(axis=(1, 2), dtype=jnp.promote_types(x.dtype, jnp.float32))
        x = LayerNorm(name="norm")(mean)
        return motion_heads(x, config.keypoints)
