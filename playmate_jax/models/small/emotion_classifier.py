"""The demo world's own classifier of emotions: the box of a synthetic face to eight logits.

Images (b, 64, 64, 3) in [0, 1] are made grey and 32 x 32, and freed of their brightness and
contrast, which say who and where somebody is; patches of 4 x 4, two convolutions at 8 x 8 and two
dense layers follow. The logits stand in the order of `motion.layout.EMOTIONS`. Trained by
training/demo_metrics.py; it has seen no photograph.
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.models.convolution import Conv
from playmate_jax.models.normalization import batch_norm
from playmate_jax.motion.layout import EMOTIONS

KIND = "demo-emotion"
GRID, PATCH = 32, 4  # cells of a side that are looked at, and of a patch


@dataclasses.dataclass(frozen=True)
class EmotionClassifierConfig:
    """Sizes of the classifier.

    Attributes:
      widths: of the patches and of the two convolutions.
      hidden: between the two dense layers.
      image_size: of the faces, a multiple of GRID.
    """

    widths: tuple[int, ...] = (32, 48, 48)
    hidden: int = 48
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
        c, b, n = self.config, len(image), GRID // PATCH
        cells = image.reshape(b, GRID, image.shape[1] // GRID, GRID, -1, 3).mean((2, 4, 5))
        cells = cells - cells.mean((1, 2), keepdims=True)
        cells = cells / (jnp.sqrt(jnp.square(cells).mean((1, 2), keepdims=True)) + 1e-3)
        x = cells.reshape(b, n, PATCH, n, PATCH).swapaxes(2, 3).reshape(b, n, n, -1)
        x = self._norm(nn.Dense(c.widths[0], name="patches")(x), "norm_0")
        for i, width in enumerate(c.widths[1:], 1):
            x = self._norm(Conv(width, (3, 3), name=f"conv_{i}")(x), f"norm_{i}")
        x = x.reshape(b, n // 2, 2, n // 2, 2, -1).mean((2, 4)).reshape(b, -1)
        x = self._norm(nn.Dense(c.hidden, name="hidden")(x), "hidden_norm")
        return nn.Dense(len(EMOTIONS), name="logits")(x)

    def _norm(self, x: Float[Array, "*b c"], name: str) -> Float[Array, "*b c"]:
        return batch_norm(self.train, name)(nn.relu(x))


def shapes(config: EmotionClassifierConfig) -> Any:
    """The tree of names and shapes of its variables, nothing computed."""
    image = jax.ShapeDtypeStruct((1, *(config.image_size,) * 2, 3), jnp.float32)
    return jax.eval_shape(EmotionClassifier(config).init, jax.random.key(0), image)
