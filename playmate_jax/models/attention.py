"""Self-attention over the frames of a window (Vaswani et al. 2017), blind to frames that do not
exist."""

from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from playmate_jax.models.row_dropout import Seeds, row_dropout

Attention = Literal["einsum", "fused"]


class SelfAttention(nn.Module):
    """Multi-head self-attention over time: (b, t, d) to (b, t, d).

    Attributes:
      attention: "einsum", or "fused": `jax.nn.dot_product_attention` where no weights are dropped,
        for GPUs (it keeps no (t, t) array; on a CPU it is the same sum, no faster).
    """

    heads: int
    dropout: float = 0.0
    attention: Attention = "einsum"

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
        b, t, d = x.shape
        qkv = nn.Dense(3 * d, name="query_key_value")(x)
        qkv = qkv.reshape(b, t, 3, self.heads, d // self.heads)
        query, key, value = (qkv[:, :, i] for i in range(3))
        mask = None if valid is None else valid[:, None, None, :]
        if self.attention == "fused" and (seeds is None or not self.dropout):
            mixed = jax.nn.dot_product_attention(query, key, value, mask=mask)
        else:
            scores = jnp.einsum("bqnd,bknd->bnqk", query, key) * (d // self.heads) ** -0.5
            scores = scores.astype(jnp.promote_types(scores.dtype, jnp.float32))
            if mask is not None:
                scores = jnp.where(mask, scores, jnp.finfo(scores.dtype).min)
            weights = jax.nn.softmax(scores).astype(x.dtype)
            weights = row_dropout(weights, self.dropout, seeds)
            mixed = jnp.einsum("bnqk,bknd->bqnd", weights, value)
        return nn.Dense(d, name="out")(mixed.reshape(b, t, d))
