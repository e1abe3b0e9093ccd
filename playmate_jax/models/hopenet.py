"""Hopenet (Ruiz et al. 2018), the teacher of head pose: ResNet-50 with three heads of 66 bins.

Input: images (b, h, w, 3) in [0, 1], RGB, 224 x 224 as published; they are normalised with
ImageNet's mean and std here. Output: yaw, pitch and roll in bins of 3 degrees; `degrees` reads
them: sum(p i) 3 - 99, without the 1.5 of LivePortrait's bins. Only for training; frozen.
"""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.geometry.head_pose import BINS
from playmate_jax.models.normalization import batch_norm
from playmate_jax.models.vgg19 import MEAN, STD

ANGLES = ("yaw", "pitch", "roll")
EXPANSION = 4  # of a block's width at its end


@dataclasses.dataclass(frozen=True)
class HopenetConfig:
    """Blocks per stage and their widths; the defaults are ResNet-50's."""

    depths: tuple[int, ...] = (3, 4, 6, 3)
    widths: tuple[int, ...] = (64, 128, 256, 512)


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride), 1x1 convolutions; the shortcut is projected if shapes differ."""

    width: int
    stride: int
    project: bool

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b h2 w2 o"]:
        y = nn.relu(conv_norm(x, self.width, 1, 1, "1"))
        y = nn.relu(conv_norm(y, self.width, 3, self.stride, "2"))
        y = conv_norm(y, EXPANSION * self.width, 1, 1, "3")
        if self.project:
            x = conv_norm(x, EXPANSION * self.width, 1, self.stride, "shortcut")
        return nn.relu(x + y)


class Hopenet(nn.Module):
    """Images to logits (b, 66) of yaw, pitch and roll."""

    config: HopenetConfig = HopenetConfig()

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> dict[str, Float[Array, "b 66"]]:
        x = (image - jnp.array(MEAN)) / jnp.array(STD)
        x = nn.relu(conv_norm(x, self.config.widths[0], 7, 2, "first"))
        x = nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for i, (depth, width) in enumerate(zip(self.config.depths, self.config.widths)):
            for j in range(depth):
                stride = 2 if i and not j else 1
                x = Bottleneck(width, stride, project=not j, name=f"stage_{i}_block_{j}")(x)
        x = x.mean((1, 2))
        return {angle: nn.Dense(BINS, name=f"head_{angle}")(x) for angle in ANGLES}


def conv_norm(
    x: Float[Array, "b h w i"], width: int, kernel_size: int, stride: int, name: str
) -> Float[Array, "b h2 w2 o"]:
    """Convolution without bias and BatchNorm with stored statistics, named conv_NAME, norm_NAME."""
    pad = ((kernel_size // 2,) * 2,) * 2
    window, strides = (kernel_size,) * 2, (stride,) * 2
    x = nn.Conv(width, window, strides, pad, use_bias=False, name=f"conv_{name}")(x)
    return batch_norm(False, f"norm_{name}")(x)


def degrees(logits: Float[Array, "b 66"]) -> Float[Array, " b"]:
    """The expected angle: bin i stands for 3 i - 99 degrees."""
    return (nn.softmax(logits) * jnp.arange(BINS)).sum(-1) * 3.0 - 99.0
