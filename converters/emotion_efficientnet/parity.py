"""How EfficientNet-B0's recording was made: the logits of one image of noise."""

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.converters.emotion_efficientnet.rules import leaf_shapes, table
from playmate_jax.converters.golden import Outputs, Reference
from playmate_jax.models.efficientnet import B0, EfficientNet
from playmate_jax.models.vgg19 import MEAN, STD


def logits(reference: Reference) -> Outputs:
    """The logits; the recorded image is what the network is fed, already normalised."""
    variables = reference.convert("emotion_efficientnet_b0", table(B0), leaf_shapes(B0))
    size = (1, 3, B0.image_size, B0.image_size)
    fed = np.moveaxis(reference.input("emotion_efficientnet_b0.image", size), 1, -1)
    image = jnp.asarray(fed * np.float32(STD) + np.float32(MEAN))
    found = jax.jit(EfficientNet(B0).apply)(variables, image)
    yield "emotion_efficientnet_b0.logits", np.asarray(found)


PORTS = {"emotion_efficientnet_b0": logits}
