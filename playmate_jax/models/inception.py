"""InceptionV3 (Szegedy et al. 2016) as FID uses it: TensorFlow's network of 2015-12-05.

It differs from torchvision's: means leave out the padding, the last block takes a maximum, and the
weights are others (`pt_inception-2015-12-05-6726825d.pth`, pytorch-fid).

Input: images (b, h, w, 3) in [0, 1], RGB; `resized` makes the 299 x 299 of FID, [-1, 1] is made
here. Output: the features (b, 2048) of the last mean, "pool3". Frozen: BatchNorm has stored
statistics.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.models.inception_blocks import BLOCKS, POOLED_STEM, STEM, Block, Layer
from playmate_jax.models.normalization import batch_norm

SIZE = 299
EPSILON = 1e-3  # of every norm


@dataclasses.dataclass(frozen=True)
class InceptionConfig:
    """The blocks that are there, and a divisor of all widths; the defaults are the network's."""

    blocks: tuple[str, ...] = tuple(BLOCKS)
    divisor: int = 1

    def __post_init__(self) -> None:
        if self.divisor < 1 or not set(self.blocks) <= set(BLOCKS):
            raise ValueError(f"a divisor of at least 1 and blocks among {', '.join(BLOCKS)}")


class Inception(nn.Module):
    """Images of 299 x 299 to features (b, 2048)."""

    config: InceptionConfig = InceptionConfig()

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> Float[Array, "b d"]:
        x = 2 * image - 1
        for layer in STEM:
            x = ConvNorm(layer, self.config.divisor, name=layer.name.lower())(x)
            if layer.name in POOLED_STEM:
                x = nn.max_pool(x, (3, 3), (2, 2))
        for name in self.config.blocks:
            x = Mixed(BLOCKS[name], self.config.divisor, name=name.lower())(x)
        return x.mean((1, 2))


class Mixed(nn.Module):
    """One block: its branches side by side."""

    block: Block
    divisor: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b h2 w2 o"]:
        found = []
        for branch in self.block.branches:
            y = x
            for step in branch:
                pair = (step,) if isinstance(step, Layer) else step
                y = jnp.concatenate([self._layer(layer, y) for layer in pair], -1)
            found.append(y)
        y = pool(x, self.block.pool)
        found.append(y if self.block.pooled is None else self._layer(self.block.pooled, y))
        return jnp.concatenate(found, -1)

    def _layer(self, layer: Layer, x: Array) -> Array:
        return ConvNorm(layer, self.divisor, name=layer.name.lower())(x)


class ConvNorm(nn.Module):
    """Convolution without bias, BatchNorm with stored statistics, ReLU."""

    layer: Layer
    divisor: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b h2 w2 o"]:
        _, width, window, stride, pad = self.layer
        pads = [(k // 2 if pad else 0,) * 2 for k in window]
        width //= self.divisor
        x = nn.Conv(width, window, (stride,) * 2, pads, use_bias=False, name="conv")(x)
        return nn.relu(batch_norm(False, "norm", EPSILON)(x))


def pool(x: Float[Array, "b h w c"], kind: str) -> Float[Array, "b h2 w2 c"]:
    """The pool of a block, by its name in `Block`."""
    if kind == "halve":
        return nn.max_pool(x, (3, 3), (2, 2))
    pads = ((1, 1), (1, 1))
    if kind == "max":
        return nn.max_pool(x, (3, 3), (1, 1), pads)
    return nn.avg_pool(x, (3, 3), (1, 1), pads, count_include_pad=False)


def resized(image: Float[Array, "b h w 3"], size: int = SIZE) -> Float[Array, "b s s 3"]:
    """Images as pytorch-fid resizes them: bilinear between pixels' centres, no antialiasing."""
    shape = (len(image), size, size, image.shape[-1])
    return jax.image.resize(image, shape, "bilinear", antialias=False)
