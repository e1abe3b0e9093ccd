"""The face-identity loss L_faceid: the drawn face is the same person's as the wanted one."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.losses.rows import row_mean
from playmate_jax.parallel.share import Mean


def face_identity(drawn: Float[Array, "b d"], wanted: Float[Array, "b d"]) -> Mean:
    """1 - cosine of the embeddings that a frozen face recognition network (ArcFace) gives; no
    gradient flows into the wanted one. An embedding of zeros has cosine 0 and a finite gradient.
    """
    wanted = jax.lax.stop_gradient(wanted)
    cosine = (_unit(drawn) * _unit(wanted)).sum(-1, keepdims=True)
    return row_mean(1 - cosine)


def _unit(x: Float[Array, "b d"]) -> Float[Array, "b d"]:
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    return x * jax.lax.rsqrt(jnp.maximum(jnp.square(x).sum(-1, keepdims=True), 1e-12))
