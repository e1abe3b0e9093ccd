"""LPIPS 0.1 (Zhang et al. 2018, Eq. 1): how different two images look, by a network's features.

d(x, y) = sum_l mean_hw w_l · (f_l(x) - f_l(y))², where f_l are the features of layer l, divided by
their length in each pixel, and w_l >= 0 a head of one number per channel. The trunk is AlexNet's or
VGG16's convolutions (torchvision), read after the last ReLU of each of five slices.

Input: two batches of images (b, h, w, 3) in [0, 1], RGB; [-1, 1] and the original's shift and scale
are made here. Output: distances (b,), not below 0. Frozen: only the heads were trained.
"""

import dataclasses
from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of images in [-1, 1]
EPSILON = 1e-10  # added to a pixel's length, as in the original
N_LAYERS = 5


class Slice(NamedTuple):
    """Convolutions with ReLUs up to a layer that is compared.

    Attributes:
      depth: the number of convolutions.
      kernel_size, stride, pad: of each.
      pool: side of the maximum in front, with stride 2; 0 where there is none.
    """

    depth: int
    kernel_size: int
    stride: int
    pad: int
    pool: int


TRUNKS = {
    "alex": (Slice(1, 11, 4, 2, 0), Slice(1, 5, 1, 2, 3), Slice(1, 3, 1, 1, 3))
    + 2 * (Slice(1, 3, 1, 1, 0),),
    "vgg": (Slice(2, 3, 1, 1, 0), Slice(2, 3, 1, 1, 2)) + 3 * (Slice(3, 3, 1, 1, 2),),
}
WIDTHS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}


@dataclasses.dataclass(frozen=True)
class LPIPSConfig:
    """The trunk, "alex" or "vgg", and the channels of its five slices."""

    trunk: str = "alex"
    widths: tuple[int, ...] = WIDTHS["alex"]

    def __post_init__(self) -> None:
        if self.trunk not in TRUNKS or len(self.widths) != N_LAYERS:
            raise ValueError(f"a trunk of {' or '.join(TRUNKS)} with {N_LAYERS} widths")


class LPIPS(nn.Module):
    """Two images to their distance, by the trunk of `config`."""

    config: LPIPSConfig = LPIPSConfig()

    def __call__(
        self, image: Float[Array, "b h w 3"], other: Float[Array, "b h w 3"]
    ) -> Float[Array, " b"]:
        return self.terms(image, other).sum(-1)

    @nn.compact
    def terms(
        self, image: Float[Array, "b h w 3"], other: Float[Array, "b h w 3"]
    ) -> Float[Array, "b 5"]:
        """The five terms of the distance, from the first slice to the last."""
        x = 2 * jnp.concatenate([image, other]) - 1
        x = (x - jnp.array(SHIFT)) / jnp.array(SCALE)
        found = []
        slices = zip(TRUNKS[self.config.trunk], self.config.widths, strict=True)
        for i, (piece, width) in enumerate(slices):
            if piece.pool:
                x = nn.max_pool(x, (piece.pool,) * 2, (2, 2))
            for j in range(piece.depth):
                window, strides = (piece.kernel_size,) * 2, (piece.stride,) * 2
                pad = ((piece.pad,) * 2,) * 2
                x = nn.relu(nn.Conv(width, window, strides, pad, name=f"conv_{i}_{j}")(x))
            first, second = jnp.split(unit(x), 2)
            head = nn.Dense(1, use_bias=False, name=f"head_{i}")
            # rows, then columns: one long float32 sum would be off by five times as much
            found.append(head(jnp.square(first - second)).mean(2).mean((1, 2)))
        return jnp.stack(found, -1)


def unit(x: Float[Array, "*b c"]) -> Float[Array, "*b c"]:
    """Every pixel's features, divided by their length plus EPSILON."""
    return x / (jnp.sqrt(jnp.square(x).sum(-1, keepdims=True)) + EPSILON)
