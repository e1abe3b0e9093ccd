"""The demo world's own classifier of emotions: the box of a synthetic face to eight logits.

A stream of SyncNet's form (convolutions with BatchNorm, two dense layers) on one image (b, 64, 64,
3) in [0, 1], made grey and freed of its brightness and contrast, which say who and where somebody
is; the logits stand in the order of `motion.layout.EMOTIONS`. Trained by training/demo_metrics.py;
it has seen no photograph.
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.models.syncnet import LIP_LAYERS, Stream
from playmate_jax.motion.layout import EMOTIONS

KIND = "demo-emotion"


@dataclasses.dataclass(frozen=True)
class EmotionClassifierConfig:
    """Sizes of the classifier.

    Attributes:
      widths: of the six convolutions.
      hidden: between the two dense layers.
      image_size: of the faces, a multiple of `models.syncnet.CELL`.
    """

    widths: tuple[int, ...] = (16, 32, 48, 48, 64, 64)
    hidden: int = 64
    image_size: int = 64


class EmotionClassifier(nn.Module):
    """Faces to logits of EMOTIONS.

    Attributes:
      train: BatchNorm normalises by the batch, and moves its running statistics.
    """

    config: EmotionClassifierConfig = EmotionClassifierConfig()
    train: bool = False

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> Float[Array, "b e"]:
        c = self.config
        stream = Stream(LIP_LAYERS, c.widths, c.hidden, len(EMOTIONS), self.train, name="stream")
        grey = image.mean(-1, keepdims=True)
        grey = grey - grey.mean((1, 2), keepdims=True)
        return stream(grey / (jnp.sqrt(jnp.square(grey).mean((1, 2), keepdims=True)) + 1e-3))


def shapes(config: EmotionClassifierConfig) -> Any:
    """The tree of names and shapes of its variables, nothing computed."""
    image = jax.ShapeDtypeStruct((1, *(config.image_size,) * 2, 3), jnp.float32)
    return jax.eval_shape(EmotionClassifier(config).init, jax.random.key(0), image)
