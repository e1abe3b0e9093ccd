"""How InceptionV3's recording was made: features of noise, and a small image resized."""

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.converters.fid_inception.rules import leaf_shapes, table
from playmate_jax.converters.golden import Outputs, Reference
from playmate_jax.models.inception import SIZE, Inception, InceptionConfig, resized


def features(reference: Reference) -> Outputs:
    """What the network is fed of a small image, in [-1, 1]; features of one that is not resized."""
    config = InceptionConfig()
    variables = reference.convert("fid_inception", table(config), leaf_shapes(config))
    small = reference.input("fid_inception.small_image", (1, 3, 64, 64), "unit")
    fed = 2 * resized(jnp.asarray(np.moveaxis(small, 1, -1))) - 1
    yield "fid_inception.resized", np.moveaxis(np.asarray(fed), -1, 1)
    image = reference.input("fid_inception.image", (1, 3, SIZE, SIZE), "unit")
    run = jax.jit(Inception(config).apply)
    yield "fid_inception.pool3", np.asarray(run(variables, jnp.asarray(np.moveaxis(image, 1, -1))))


PORTS = {"fid_inception": features}
