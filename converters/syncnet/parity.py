"""How SyncNet's recording was made: two windows of lips in BGR, two of speech."""

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.converters.golden import Outputs, Reference
from playmate_jax.converters.syncnet.rules import leaf_shapes, table
from playmate_jax.models.syncnet import SyncNet, SyncNetConfig


def embeddings(reference: Reference) -> Outputs:
    """Embeddings of both streams of synthetic inputs: speech, then lips."""
    config = SyncNetConfig()
    variables = reference.convert("syncnet_v2", table(config), leaf_shapes(config))
    bgr = reference.input("syncnet_v2.lip", (2, 3, 5, 224, 224), "unit")
    frames = np.moveaxis(bgr, 1, -1)[..., ::-1]
    mfcc = np.moveaxis(5 * reference.input("syncnet_v2.audio", (2, 1, 13, 20)), 1, -1)
    audio, lips = jax.jit(SyncNet(config).apply)(variables, jnp.asarray(mfcc), jnp.asarray(frames))
    yield "syncnet_v2.audio", np.asarray(audio)
    yield "syncnet_v2.lip", np.asarray(lips[:, 0])


PORTS = {"syncnet_v2": embeddings}
