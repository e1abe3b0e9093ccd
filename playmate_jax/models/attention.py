"""Self-attention over the frames of a window (Vaswani et al. 2017), blind to frames that do not
exist."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from playmate_jax.models.apart import apart
from playmate_jax.models.pieces import Dense, wide
from playmate_jax.models.row_dropout import Seeds, row_dropout

ATTENTIONS = ("einsum", "fused")


@apart(1)
def _heads_first(x, heads):
    """(b, t, n h) to (b, n, t, h): matrices of one head lie together in memory."""
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


@apart()
def _frames_first(*parts):
    """(b, n, t, h) to (b, t, n h), for each part; the parts side by side on features."""
    b, n, t, h = parts[0].shape
    return jnp.stack([x.swapaxes(1, 2) for x in parts], 2).reshape(b, t, len(parts) * n * h)


@apart(2)
def _weights(scores, valid, scale):
    scores = wide(scores) * scale
    if valid is not None:
        scores = jnp.where(valid[:, None, None, :], scores, jnp.finfo(scores.dtype).min)
    return jax.nn.softmax(scores)


@apart(1)
def _dropped(weights, rate, seeds):
    return row_dropout(weights, rate, seeds)


@apart(2, 4)
def _scores_gradient(g, weights, rate, seeds, scale):
    g, weights = row_dropout(wide(g), rate, seeds), wide(weights)
    return weights * (g - (g * weights).sum(-1, keepdims=True)) * scale


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def attend(
    qkv: Float[Array, "b t f"],
    valid: Bool[Array, "b t"] | None,
    heads: int,
    rate: float,
    seeds: Seeds,
) -> Float[Array, "b t d"]:
    """Softmax (in float32 at least) of scaled products, dropout, and the mix of the values.

    The backward pass saves the weights before dropout, and neither scores nor mask.
    """
    return _attend_forward(qkv, valid, heads, rate, seeds)[0]


def _attend_forward(qkv, valid, heads, rate, seeds):
    query, key, value = (_heads_first(x, heads) for x in jnp.split(qkv, 3, -1))
    scores = jnp.einsum("bnqh,bnkh->bnqk", query, key)
    weights = _weights(scores, valid, query.shape[-1] ** -0.5).astype(qkv.dtype)
    mixed = jnp.einsum("bnqk,bnkh->bnqh", _dropped(weights, rate, seeds), value)
    return _frames_first(mixed), (query, key, value, weights, seeds)


def _attend_backward(heads, rate, saved, g):
    query, key, value, weights, seeds = saved
    g, scale = _heads_first(g, heads), query.shape[-1] ** -0.5
    d_value = jnp.einsum("bnqk,bnqh->bnkh", _dropped(weights, rate, seeds), g)
    d_weights = jnp.einsum("bnqh,bnkh->bnqk", g, value)
    d_scores = _scores_gradient(d_weights, weights, rate, seeds, scale).astype(g.dtype)
    d_query = jnp.einsum("bnqk,bnkh->bnqh", d_scores, key)
    d_key = jnp.einsum("bnqk,bnqh->bnkh", d_scores, query)
    return _frames_first(d_query, d_key, d_value), None, None


attend.defvjp(_attend_forward, _attend_backward)


class SelfAttention(nn.Module):
    """Multi-head self-attention over time: (b, t, d) to (b, t, d).

    Attributes:
      attention: "einsum", or "fused": `jax.nn.dot_product_attention` where no weights are dropped,
        for GPUs (it keeps no (t, t) array; on a CPU it is the same sum, no faster).
      last: initialiser of the matrix behind the mix.
    """

    heads: int
    dropout: float = 0.0
    attention: str = "einsum"
    last: nn.initializers.Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "b t d"],
        valid: Bool[Array, "b t"] | None = None,
        seeds: Seeds = None,
    ) -> Float[Array, "b t d"]:
        """Mixes frames; those that are not `valid` are not attended to (None: all are valid).

        The softmax is of float32 at least.
        """
        qkv = Dense(3 * x.shape[-1], name="query_key_value")(x)
        if self.attention == "fused" and (seeds is None or not self.dropout):
            mask = None if valid is None else valid[:, None, None, :]
            parts = qkv.reshape(*x.shape[:2], 3, self.heads, -1)
            mixed = jax.nn.dot_product_attention(*jnp.moveaxis(parts, 2, 0), mask=mask)
            mixed = mixed.reshape(x.shape)
        else:
            mixed = attend(qkv, valid, self.heads, self.dropout, seeds)
        return Dense(x.shape[-1], kernel_init=self.last, name="out")(mixed)
