"""How IResNet-50's recording was made: the embeddings of two images of noise."""

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.converters.arcface.rules import leaf_shapes, table
from playmate_jax.converters.golden import Outputs, Reference
from playmate_jax.models.iresnet import IResNet, IResNetConfig


def iresnet50(reference: Reference) -> Outputs:
    """The embeddings; the recorded image is what the network is fed, around 0."""
    config = IResNetConfig()
    variables = reference.convert("iresnet50", table(config), leaf_shapes(config))
    fed = np.moveaxis(0.5 * reference.input("iresnet50.image", (2, 3, 112, 112)), 1, -1)
    image = jnp.asarray((fed + 1) / 2)
    yield "iresnet50.embedding", np.asarray(jax.jit(IResNet(config).apply)(variables, image))


PORTS = {"iresnet50": iresnet50}
