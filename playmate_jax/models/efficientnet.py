"""EfficientNet (Tan and Le 2019) that recognises emotions: EmotiEffLib's B0 and B2 (HSEmotion).

Input: faces (b, s, s, 3) in [0, 1], RGB, cropped by a detector's box and not aligned, 224 x 224
(B0) or 260 x 260 (B2); they are normalised with ImageNet's mean and std here. Output: logits; of
eight emotions in the order of LABELS, of seven without contempt, or of eight with valence and
arousal behind. Frozen: BatchNorm has stored statistics. As in TensorFlow, strided windows are
padded more at the end (SAME), and norms have an epsilon of 1e-3.
"""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.models.normalization import batch_norm
from playmate_jax.models.vgg19 import MEAN, STD
from playmate_jax.motion.layout import Emotion

LABELS = (
    Emotion.ANGRY, Emotion.CONTEMPT, Emotion.DISGUSTED, Emotion.FEAR, Emotion.HAPPY,
    Emotion.NEUTRAL, Emotion.SAD, Emotion.SURPRISED,
)  # fmt: skip
EPSILON = 1e-3
SQUEEZE = 4  # a block's input channels over those of its squeeze
# Of every stage: window, stride of the first block, expansion of a block's input channels.
STAGES = ((3, 1, 1), (3, 2, 6), (5, 2, 6), (3, 2, 6), (5, 1, 6), (5, 2, 6), (3, 1, 6))


@dataclasses.dataclass(frozen=True)
class EfficientNetConfig:
    """Sizes; the defaults are B0's, with eight emotions.

    Attributes:
      stem: channels of the first convolution.
      depths, widths: blocks of every stage of STAGES, and their channels.
      head: channels of the last convolution.
      classes: logits.
      image_size: of the faces it was trained on; the network takes others too.
    """

    stem: int = 32
    depths: tuple[int, ...] = (1, 2, 2, 3, 3, 4, 1)
    widths: tuple[int, ...] = (16, 24, 40, 80, 112, 192, 320)
    head: int = 1280
    classes: int = 8
    image_size: int = 224


B0 = EfficientNetConfig()
B2 = EfficientNetConfig(
    32, (2, 3, 3, 4, 4, 5, 2), (16, 24, 48, 88, 120, 208, 352), 1408, image_size=260
)


class EfficientNet(nn.Module):
    """Faces to logits (b, classes), by the sizes of `config`."""

    config: EfficientNetConfig = B0

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> Float[Array, "b e"]:
        c = self.config
        x = (image - jnp.array(MEAN)) / jnp.array(STD)
        x = nn.silu(conv_norm(x, c.stem, 3, 2, "stem"))
        stages = zip(STAGES, c.depths, c.widths)  # a small network has fewer
        for i, ((window, first, expansion), depth, width) in enumerate(stages):
            for j in range(depth):
                stride = 1 if j else first
                x = Block(width, window, stride, expansion, name=f"stage_{i}_block_{j}")(x)
        x = nn.silu(conv_norm(x, c.head, 1, 1, "head"))
        return nn.Dense(c.classes, name="classifier")(x.mean((1, 2)))


class Block(nn.Module):
    """Expanded by 1x1, a depthwise window, squeeze and excitation, projected without activation.

    Without expansion there is no first convolution. The input is added where shapes agree.
    """

    width: int
    window: int
    stride: int
    expansion: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b h2 w2 o"]:
        inputs, y = x.shape[-1], x
        if self.expansion > 1:
            y = nn.silu(conv_norm(y, self.expansion * inputs, 1, 1, "expand"))
        groups = y.shape[-1]
        y = nn.silu(conv_norm(y, groups, self.window, self.stride, "depthwise", groups))
        y = SqueezeExcite(inputs // SQUEEZE, name="squeeze")(y)
        y = conv_norm(y, self.width, 1, 1, "project")
        return x + y if y.shape == x.shape else y


class SqueezeExcite(nn.Module):
    """Every channel times a weight in [0, 1] that the image's mean decides."""

    width: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        y = x.mean((1, 2), keepdims=True)
        y = nn.silu(nn.Conv(self.width, (1, 1), name="conv_reduce")(y))
        return x * nn.sigmoid(nn.Conv(x.shape[-1], (1, 1), name="conv_expand")(y))


def conv_norm(
    x: Float[Array, "b h w i"], width: int, window: int, stride: int, name: str, groups: int = 1
) -> Float[Array, "b h2 w2 o"]:
    """Convolution without bias and BatchNorm with stored statistics, named conv_NAME, norm_NAME."""
    layer = nn.Conv(
        width, (window,) * 2, (stride,) * 2, "SAME", feature_group_count=groups, use_bias=False,
        name=f"conv_{name}",
    )  # fmt: skip
    return batch_norm(False, f"norm_{name}", EPSILON)(layer(x))
