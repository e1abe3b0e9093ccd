"""ArcFace's IResNet (Deng et al. 2019, Duta et al. 2020): a face as a point, near to all others of
the same person.

Input: aligned faces (b, 112, 112, 3) in [0, 1], RGB (faces/five_points.py); what the network was
trained on, [-1, 1], is made here. Output: embeddings (b, 512), not normalised: their cosine is what
counts. Evaluation alone: BatchNorm has stored statistics, and there is no dropout. As published
(insightface, `arcface_torch`), where the flattened image has its channels first; here last.
"""

import dataclasses

import flax.linen as nn
from jaxtyping import Array, Float

from playmate_jax.models.normalization import batch_norm

DEPTHS = {"iresnet50": (3, 4, 14, 3), "iresnet100": (3, 13, 30, 3)}


@dataclasses.dataclass(frozen=True)
class IResNetConfig:
    """Sizes; the defaults are IResNet-50's.

    Attributes:
      depths, widths: blocks of every stage, and their channels; each stage halves the image.
      size: of an embedding.
      image_size: of the aligned faces, a multiple of 2 to the number of stages.
    """

    depths: tuple[int, ...] = DEPTHS["iresnet50"]
    widths: tuple[int, ...] = (64, 128, 256, 512)
    size: int = 512
    image_size: int = 112


class PReLU(nn.Module):
    """x where positive, elsewhere a slope of the channel times x."""

    @nn.compact
    def __call__(self, x: Float[Array, "*b c"]) -> Float[Array, "*b c"]:
        slope = self.param("slope", nn.initializers.constant(0.25), x.shape[-1:])
        return nn.relu(x) - slope * nn.relu(-x)


class Block(nn.Module):
    """A residual block that begins with a norm and ends without activation.

    The second convolution has the stride; a block with one projects its shortcut.
    """

    width: int
    stride: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b h2 w2 o"]:
        y = conv(batch_norm(False, "norm_1")(x), self.width, 3, 1, "conv_1")
        y = PReLU(name="prelu")(batch_norm(False, "norm_2")(y))
        y = conv(y, self.width, 3, self.stride, "conv_2")
        y = batch_norm(False, "norm_3")(y)
        if self.stride > 1:
            x = conv(x, self.width, 1, self.stride, "conv_shortcut")
            x = batch_norm(False, "norm_shortcut")(x)
        return y + x


class IResNet(nn.Module):
    """Aligned faces to embeddings, by the sizes of `config`."""

    config: IResNetConfig = IResNetConfig()

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> Float[Array, "b d"]:
        x = conv(2 * image - 1, self.config.widths[0], 3, 1, "conv_first")
        x = PReLU(name="prelu_first")(batch_norm(False, "norm_first")(x))
        for i, (depth, width) in enumerate(zip(self.config.depths, self.config.widths)):
            for j in range(depth):
                x = Block(width, 1 if j else 2, name=f"stage_{i}_block_{j}")(x)
        x = batch_norm(False, "norm_last")(x)
        x = nn.Dense(self.config.size, name="embedding")(x.reshape(len(x), -1))
        return batch_norm(False, "norm_embedding")(x)


def conv(
    x: Float[Array, "b h w i"], width: int, kernel_size: int, stride: int, name: str
) -> Float[Array, "b h2 w2 o"]:
    """Convolution without bias, padded by half of its window."""
    pad = ((kernel_size // 2,) * 2,) * 2
    window, strides = (kernel_size,) * 2, (stride,) * 2
    return nn.Conv(width, window, strides, pad, use_bias=False, name=name)(x)
