"""How the recordings of the networks that only training needs were made."""

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.converters import training_networks
from playmate_jax.converters.parity import Outputs, Reference
from playmate_jax.models.vgg19 import VGG19, VGG19Config


def vgg19(reference: Reference) -> Outputs:
    """The five taps of an image in [0, 1]."""
    config = VGG19Config()
    variables = reference.convert(
        "vgg19", training_networks.vgg19(config), training_networks.vgg19_shapes(config)
    )
    image = np.moveaxis(reference.input("vgg19.image", (1, 3, 64, 64), "unit"), 1, -1)
    for name, tap in jax.jit(VGG19(config).apply)(variables, jnp.asarray(image)).items():
        yield f"vgg19.{name}", np.moveaxis(np.asarray(tap), -1, 1)


PORTS = {"vgg19": vgg19}
