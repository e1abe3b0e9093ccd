"""How I3D's recording was made: the logits of a video of noise."""

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.converters.golden import Outputs, Reference
from playmate_jax.converters.i3d.rules import leaf_shapes, table
from playmate_jax.models.i3d import I3D, I3DConfig


def i3d(reference: Reference) -> Outputs:
    """The logits of sixteen frames in [0, 1]."""
    config = I3DConfig()
    variables = reference.convert("i3d", table(config), leaf_shapes(config))
    drawn = reference.input("i3d.video", (1, 3, 16, 224, 224), "unit")
    video = jnp.asarray(np.moveaxis(drawn, 1, -1))
    yield "i3d.logits", np.asarray(jax.jit(I3D(config).apply)(variables, video))


PORTS = {"i3d": i3d}
