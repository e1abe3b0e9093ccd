"""The losses of the demo world's own networks of the metrics: which speech belongs to which lips,
and which emotion is shown."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from playmate_jax.losses.rows import row_mean
from playmate_jax.parallel.share import Mean

SHARPNESS = 10.0  # a distance of 0 counts e^10 times as much as the mean one
EPSILON = 1e-6


def matching(lips: Float[Array, "b n d"], speech: Float[Array, "b n d"]) -> Mean:
    """Cross entropy of finding the speech of every window of lips, and the lips of every window of
    speech, among the n windows of the same clip, by the squared distance of embeddings (InfoNCE,
    van den Oord et al. 2018): the windows differ in nothing but their time.

    Distances count over their mean in the clip, times SHARPNESS: their scale earns nothing, and
    embeddings do not fall together where nothing has been learned yet.
    """
    squares = jnp.sum(jnp.square(lips[:, :, None] - speech[:, None]), -1)
    logits = -SHARPNESS * squares / (squares.mean((1, 2), keepdims=True) + EPSILON)
    right = jnp.arange(lips.shape[1])
    found = [jax.nn.log_softmax(logits, axis)[:, right, right] for axis in (1, 2)]
    return row_mean(-(found[0] + found[1]) / 2)


def matched(lips: Float[Array, "b n d"], speech: Float[Array, "b n d"]) -> Mean:
    """Share of the windows of lips whose own speech is the nearest of their clip."""
    squares = jnp.sum(jnp.square(lips[:, :, None] - speech[:, None]), -1)
    return row_mean((squares.argmin(2) == jnp.arange(lips.shape[1])).astype(jnp.float32))


def classification(logits: Float[Array, "b e"], wanted: Int[Array, " b"]) -> Mean:
    """Cross entropy of the wanted class of each row."""
    return row_mean(-jnp.take_along_axis(jax.nn.log_softmax(logits), wanted[:, None], 1))
