"""How VGG19's recording was made: the five taps of one image of noise."""

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.converters.golden import Outputs, Reference
from playmate_jax.converters.vgg19.rules import leaf_shapes, table
from playmate_jax.models.vgg19 import VGG19, VGG19Config


def vgg19(reference: Reference) -> Outputs:
    """The five taps of an image in [0, 1]."""
    config = VGG19Config()
    variables = reference.convert("vgg19", table(config), leaf_shapes(config))
    image = np.moveaxis(reference.input("vgg19.image", (1, 3, 64, 64), "unit"), 1, -1)
    for name, tap in jax.jit(VGG19(config).apply)(variables, jnp.asarray(image)).items():
        yield f"vgg19.{name}", np.moveaxis(np.asarray(tap), -1, 1)


PORTS = {"vgg19": vgg19}
