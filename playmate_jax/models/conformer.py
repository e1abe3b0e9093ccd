"""Conformer (Gulati et al. 2020, §2): attention for far frames, convolution for near ones.

Each layer: half a feed-forward, self-attention, convolution module, half a feed-forward, LayerNorm;
every module on a pre-normalised residual. Deviations: sinusoidal positions are added once at the
input by the caller instead of relative ones in every attention, and the convolution module
normalises with LayerNorm instead of BatchNorm, so that a sample does not depend on its batch.

Layers are one scanned layer with stacked parameters (`layers/...`, leading axis = layer).
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

LayerNorm = functools.partial(nn.LayerNorm, epsilon=1e-5, use_fast_variance=False)


def sinusoids(positions: Float[Array, "*b"], width: int, longest: float) -> Float[Array, "*b d"]:
    """Sines and cosines of wavelengths from 2 pi up to 2 pi `longest`, in geometric steps."""
    half = width // 2
    rates = np.exp(-np.log(longest) * np.arange(half) / half).astype(np.float32)
    angles = positions[..., None] * rates
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], -1)


def frame_positions(n_frames: int, width: int) -> Float[Array, "t d"]:
    """Sinusoidal positions of the frames of a window."""
    return sinusoids(jnp.arange(n_frames, dtype=jnp.float32), width, longest=200.0)


class MLP(nn.Module):
    """Two linear layers with SiLU between, dropout behind it."""

    hidden: int
    out: int
    small: bool = False  # the last layer starts near zero
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x: Float[Array, "*b d"], deterministic: bool = True) -> Float[Array, "*b o"]:
        last = nn.initializers.normal(0.01) if self.small else nn.initializers.lecun_normal()
        x = nn.silu(nn.Dense(self.hidden, name="linear_in")(x))
        x = nn.Dropout(self.dropout, name="dropout")(x, deterministic)
        return nn.Dense(self.out, kernel_init=last, name="linear_out")(x)


class SelfAttention(nn.Module):
    """Multi-head self-attention over time: (b, t, d) to (b, t, d)."""

    heads: int
    dropout: float = 0.0

    @nn.compact
    def __call__(
        self, x: Float[Array, "b t d"], deterministic: bool = True
    ) -> Float[Array, "b t d"]:
        b, t, d = x.shape
        qkv = nn.Dense(3 * d, name="query_key_value")(x)
        qkv = qkv.reshape(b, t, 3, self.heads, d // self.heads)
        query, key, value = (qkv[:, :, i] for i in range(3))
        scores = jnp.einsum("bqnd,bknd->bnqk", query, key) * (d // self.heads) ** -0.5
        weights = nn.Dropout(self.dropout, name="dropout")(jax.nn.softmax(scores), deterministic)
        mixed = jnp.einsum("bnqk,bknd->bqnd", weights, value).reshape(b, t, d)
        return nn.Dense(d, name="out")(mixed)


def _shifted_sum(x: Array, taps: Array) -> Array:
    k, t = taps.shape[0], x.shape[1]
    padded = jnp.pad(x, ((0, 0), (k // 2, k // 2), (0, 0)))
    return sum(padded[:, i : i + t] * taps[i] for i in range(k))


@jax.custom_vjp
def depthwise_conv1d(x: Float[Array, "b t d"], taps: Float[Array, "k d"]) -> Float[Array, "b t d"]:
    """Each channel with its own odd-sized kernel over time, zero padding.

    A sum of shifted products: the backward pass of XLA's grouped convolution is many times slower
    on CPU. The barriers keep XLA from computing the input anew for every tap (11.4 -> 2.2 ms for
    one layer).
    """
    return _shifted_sum(lax.optimization_barrier(x), taps)


def _depthwise_forward(x, taps):
    x = lax.optimization_barrier(x)
    return _shifted_sum(x, taps), (x, taps)


def _depthwise_backward(residuals, cotangent):
    x, taps = residuals
    cotangent = lax.optimization_barrier(cotangent)
    k, t = taps.shape[0], x.shape[1]
    padded = jnp.pad(x, ((0, 0), (k // 2, k // 2), (0, 0)))
    d_taps = jnp.stack([(padded[:, i : i + t] * cotangent).sum((0, 1)) for i in range(k)])
    return lax.optimization_barrier(_shifted_sum(cotangent, taps[::-1])), d_taps


depthwise_conv1d.defvjp(_depthwise_forward, _depthwise_backward)


class DepthwiseConv1d(nn.Module):
    """Depthwise convolution over time with bias; parameters `kernel` (k, d) and `bias` (d,)."""

    kernel_size: int

    @nn.compact
    def __call__(self, x: Float[Array, "b t d"]) -> Float[Array, "b t d"]:
        init = nn.initializers.normal(self.kernel_size**-0.5)
        kernel = self.param("kernel", init, (self.kernel_size, x.shape[-1]))
        bias = self.param("bias", nn.initializers.zeros, (x.shape[-1],))
        return depthwise_conv1d(x, kernel) + bias


class ConformerLayer(nn.Module):
    """One layer; returns (x, None) as a scan body."""

    heads: int
    feed_forward: int
    kernel_size: int
    dropout: float

    @nn.compact
    def __call__(self, x: Float[Array, "b t d"], deterministic: bool = True):
        d = x.shape[-1]

        def drop(y, name):
            return nn.Dropout(self.dropout, name=name)(y, deterministic)

        def feed_forward(y, name):
            y = LayerNorm(name=f"{name}_norm")(y)
            y = MLP(self.feed_forward, d, dropout=self.dropout, name=name)(y, deterministic)
            return 0.5 * drop(y, f"{name}_dropout")

        x = x + feed_forward(x, "feed_forward_in")
        y = LayerNorm(name="attention_norm")(x)
        y = SelfAttention(self.heads, self.dropout, name="attention")(y, deterministic)
        x = x + drop(y, "attention_dropout")

        y = nn.Dense(2 * d, name="pointwise_in")(LayerNorm(name="convolution_norm")(x))
        y = y[..., :d] * jax.nn.sigmoid(y[..., d:])
        y = DepthwiseConv1d(self.kernel_size, name="depthwise")(y)
        y = nn.Dense(d, name="pointwise_out")(nn.silu(LayerNorm(name="depthwise_norm")(y)))
        x = x + drop(y, "convolution_dropout")

        x = x + feed_forward(x, "feed_forward_out")
        return LayerNorm(name="norm")(x), None


class Conformer(nn.Module):
    """`layers` Conformer layers of one width, as a scan over stacked parameters."""

    layers: int
    heads: int
    feed_forward: int
    kernel_size: int
    dropout: float = 0.0
    remat: bool = False  # recompute layers in the backward pass: less memory, a third more time
    unroll: int = 1  # layers per turn of the loop; unrolled XLA fuses more (CPU: 12 % faster)

    @nn.compact
    def __call__(
        self, x: Float[Array, "b t d"], deterministic: bool = True
    ) -> Float[Array, "b t d"]:
        layer = nn.remat(ConformerLayer, static_argnums=(2,)) if self.remat else ConformerLayer
        scanned = nn.scan(
            layer,
            variable_axes={"params": 0, "intermediates": 0},
            split_rngs={"params": True, "dropout": True},
            in_axes=nn.broadcast,
            length=self.layers,
            unroll=self.unroll,
        )
        block = scanned(
            self.heads, self.feed_forward, self.kernel_size, self.dropout, name="layers"
        )
        return block(x, deterministic)[0]
