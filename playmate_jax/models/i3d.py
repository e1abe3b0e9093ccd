"""I3D (Carreira and Zisserman 2017): Inception-v1 over space and time, trained on Kinetics-400.

FVD compares two sets of videos by its logits. Input: videos (b, t, h, w, 3) in [0, 1], RGB, at
least 9 frames, of 224 x 224 pixels for FVD; what the network was trained on, [-1, 1], is made here.
Output: 400 logits (b, 400), before the softmax, averaged over time. As published (TF-hub's
`deepmind/i3d-kinetics-400/1`): paddings are TensorFlow's "SAME", BatchNorm's eps is 1e-3.

Deviation: the published pooling before the logits covers 7 x 7 places, which are all there are at
224 x 224; here it covers all at any size. Evaluation alone, no dropout.
"""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.models.conv3d import Conv3d
from playmate_jax.models.normalization import batch_norm

EPSILON = 1e-3  # of BatchNorm
BLOCKS = ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c")
# Convolutions of a block: four branches, two of which have two; a 3x3x3 maximum precedes the last.
BRANCHES = ("b0", "b1a", "b1b", "b2a", "b2b", "b3b")
# Maximum in front of a block: window and stride in (t, h, w).
POOLS = {"3b": ((1, 3, 3), (1, 2, 2)), "4b": ((3, 3, 3), (2, 2, 2)), "5b": ((2, 2, 2), (2, 2, 2))}


@dataclasses.dataclass(frozen=True)
class I3DConfig:
    """Sizes; the defaults are the published ones.

    Attributes:
      stem: widths of the three convolutions before the blocks.
      blocks: of every block in `BLOCKS`, the widths of its `BRANCHES`.
      classes: logits.
    """

    stem: tuple[int, ...] = (64, 64, 192)
    blocks: tuple[tuple[int, ...], ...] = (
        (64, 96, 128, 16, 32, 32),
        (128, 128, 192, 32, 96, 64),
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
        (256, 160, 320, 32, 128, 128),
        (384, 192, 384, 48, 128, 128),
    )
    classes: int = 400


class Unit(nn.Module):
    """Convolution without bias, BatchNorm, ReLU."""

    width: int
    kernel_size: int = 1
    stride: int = 1

    @nn.compact
    def __call__(self, x: Float[Array, "b t h w i"]) -> Float[Array, "b t2 h2 w2 o"]:
        x = Conv3d(self.width, self.kernel_size, self.stride, use_bias=False, name="conv")(x)
        return nn.relu(batch_norm(False, "norm", EPSILON)(x))


class Block(nn.Module):
    """Four branches side by side in the channels.

    Attributes:
      widths: of `BRANCHES`.
    """

    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, x: Float[Array, "b t h w i"]) -> Float[Array, "b t h w o"]:
        windows = (1, 1, 3, 1, 3, 1)
        b0, b1a, b1b, b2a, b2b, b3b = (
            Unit(width, k, name=name) for width, k, name in zip(self.widths, windows, BRANCHES)
        )
        pooled = nn.max_pool(x, (3, 3, 3), padding="SAME")
        return jnp.concatenate([b0(x), b1b(b1a(x)), b2b(b2a(x)), b3b(pooled)], axis=-1)


class I3D(nn.Module):
    """Videos to logits, by the sizes of `config`."""

    config: I3DConfig = I3DConfig()

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w 3"]) -> Float[Array, "b n"]:
        stem = self.config.stem
        x = Unit(stem[0], 7, 2, name="conv_1a")(2 * video - 1)
        x = nn.max_pool(x, (1, 3, 3), (1, 2, 2), "SAME")
        x = Unit(stem[1], 1, name="conv_2b")(x)
        x = Unit(stem[2], 3, name="conv_2c")(x)
        for name, widths in zip(BLOCKS, self.config.blocks):
            if name in POOLS:
                x = nn.max_pool(x, *POOLS[name], "SAME")
            x = Block(widths, name=f"mixed_{name}")(x)
        x = nn.avg_pool(x, (2, *x.shape[2:4]))
        x = Conv3d(self.config.classes, 1, name="logits")(x)
        return x.mean((1, 2, 3))
