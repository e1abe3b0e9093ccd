"""VGG19's convolutions (Simonyan and Zisserman 2015): features for the perceptual loss.

Input: images (b, h, w, 3) in [0, 1], RGB; they are normalised with ImageNet's mean and std here.
Output: the five taps of FOMM, face-vid2vid and LivePortrait, relu1_1, relu2_1, relu3_1, relu4_1
and relu5_1. Only for training; frozen. The layers behind the last tap exist so that the published
tensors have a place; under jit they cost nothing.
"""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.models.convolution import Conv

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclasses.dataclass(frozen=True)
class VGG19Config:
    """Convolutions per block and their widths; a 2x2 maximum stands between blocks."""

    depths: tuple[int, ...] = (2, 2, 4, 4, 4)
    widths: tuple[int, ...] = (64, 128, 256, 512, 512)


class VGG19(nn.Module):
    """Images to the output of the first ReLU of every block."""

    config: VGG19Config = VGG19Config()

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> dict[str, Float[Array, "b h2 w2 c"]]:
        x = ((image - jnp.array(MEAN)) / jnp.array(STD)).astype(image.dtype)
        taps = {}
        for i, (depth, width) in enumerate(zip(self.config.depths, self.config.widths), 1):
            if i > 1:
                x = nn.max_pool(x, (2, 2), (2, 2))
            for j in range(1, depth + 1):
                x = nn.relu(Conv(width, (3, 3), name=f"conv_{i}_{j}")(x))
                if j == 1:
                    taps[f"relu{i}_1"] = x
        return taps
