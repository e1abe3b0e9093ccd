"""Conformer (Gulati et al. 2020, §2): attention for far frames, convolution for near ones.

Each layer: half a feed-forward, self-attention, convolution module, half a feed-forward, LayerNorm;
every module on a pre-normalised residual. Deviations: sinusoidal positions are added once at the
input by the caller instead of relative ones in every attention, and the convolution module
normalises with LayerNorm instead of BatchNorm, so that a sample does not depend on its batch.

Layers are one scanned layer with stacked parameters (`layers/...`, leading axis = layer). Frames
that are not valid reach no other frame: attention does not see them, and the convolution sees zeros
there, as it does outside the window.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float

from playmate_jax.models.attention import Attention, SelfAttention
from playmate_jax.models.row_dropout import Seeds, row_dropout, split_seeds

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
    def __call__(self, x: Float[Array, "*b d"], seeds: Seeds = None) -> Float[Array, "*b o"]:
        last = nn.initializers.normal(0.01) if self.small else nn.initializers.lecun_normal()
        x = nn.silu(nn.Dense(self.hidden, name="linear_in")(x))
        x = row_dropout(x, self.dropout, seeds)
        return nn.Dense(self.out, kernel_init=last, name="linear_out")(x)


def _shifted_sum(x: Array, taps: Array) -> Array:
    """The sum in float32 at least, in x's type."""
    k, t = taps.shape[0], x.shape[1]
    padded = jnp.pad(x, ((0, 0), (k // 2, k // 2), (0, 0)))
    wide = jnp.promote_types(x.dtype, jnp.float32)
    padded, taps = padded.astype(wide), taps.astype(wide)
    return sum(padded[:, i : i + t] * taps[i] for i in range(k)).astype(x.dtype)


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
    wide = jnp.promote_types(x.dtype, jnp.float32)
    products = ((padded[:, i : i + t] * cotangent).astype(wide) for i in range(k))
    d_taps = jnp.stack([p.sum((0, 1)) for p in products]).astype(taps.dtype)
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
    attention: Attention = "einsum"

    @nn.compact
    def __call__(
        self, x: Float[Array, "b t d"], valid: Bool[Array, "b t"] | None, seeds: Seeds
    ) -> tuple[Float[Array, "b t d"], None]:
        d = x.shape[-1]
        places = iter(split_seeds(seeds, 7))

        def drop(y):
            return row_dropout(y, self.dropout, next(places))

        def feed_forward(y, name):
            y = LayerNorm(name=f"{name}_norm")(y)
            y = MLP(self.feed_forward, d, dropout=self.dropout, name=name)(y, next(places))
            return 0.5 * drop(y)

        x = x + feed_forward(x, "feed_forward_in")
        y = LayerNorm(name="attention_norm")(x)
        attention = SelfAttention(self.heads, self.dropout, self.attention, name="attention")
        x = x + drop(attention(y, valid, next(places)))

        y = nn.Dense(2 * d, name="pointwise_in")(LayerNorm(name="convolution_norm")(x))
        y = y[..., :d] * jax.nn.sigmoid(y[..., d:])
        if valid is not None:
            y = jnp.where(valid[..., None], y, 0)
        y = DepthwiseConv1d(self.kernel_size, name="depthwise")(y)
        y = nn.Dense(d, name="pointwise_out")(nn.silu(LayerNorm(name="depthwise_norm")(y)))
        x = x + drop(y)

        x = x + feed_forward(x, "feed_forward_out")
        return LayerNorm(name="norm")(x), None


class Conformer(nn.Module):
    """`layers` Conformer layers of one width, as a scan over stacked parameters.

    Attributes:
      remat: what the backward pass computes again: "none", "layer" (all but a layer's input: least
        memory, a third more time), or all but what a policy of `jax.checkpoint_policies` saves.
      unroll: layers per turn of the loop.
    """

    layers: int
    heads: int
    feed_forward: int
    kernel_size: int
    dropout: float = 0.0
    remat: str = "none"
    unroll: int = 1
    attention: Attention = "einsum"

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "b t d"],
        valid: Bool[Array, "b t"] | None = None,
        seeds: Seeds = None,
    ) -> Float[Array, "b t d"]:
        layer = ConformerLayer
        if self.remat != "none":
            policy = None if self.remat == "layer" else getattr(jax.checkpoint_policies, self.remat)
            layer = nn.remat(ConformerLayer, policy=policy)
        scanned = nn.scan(
            layer,
            variable_axes={"params": 0, "intermediates": 0},
            split_rngs={"params": True},
            in_axes=(nn.broadcast, 0),
            length=self.layers,
            unroll=self.unroll,
        )
        block = scanned(
            self.heads, self.feed_forward, self.kernel_size, self.dropout, self.attention,
            name="layers",
        )  # fmt: skip
        return block(x, valid, None if seeds is None else split_seeds(seeds, self.layers))[0]
