"""Conformer (Gulati et al. 2020, §2): attention for far frames, convolution for near ones.

Each layer: half a feed-forward, self-attention, convolution module, half a feed-forward, LayerNorm;
every module on a pre-normalised residual. Deviations: sinusoidal positions are added once at the
input by the caller instead of relative ones in every attention, and the convolution module
normalises with LayerNorm instead of BatchNorm, so that a sample does not depend on its batch.

At the start the branches are weak (`ends_of_branches`). Layers are one scanned layer with stacked
parameters (`layers/...`, leading axis = layer). Frames that are not valid reach no other frame:
attention does not see them, and the convolution sees zeros there, as it does outside the window.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from playmate_jax.models.attention import SelfAttention
from playmate_jax.models.depthwise import DepthwiseConv1d
from playmate_jax.models.pieces import Dense, LayerNorm, add, gated
from playmate_jax.models.row_dropout import Seeds, split_seeds


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
    dropout: float = 0.0
    last: nn.initializers.Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, x: Float[Array, "*b d"], seeds: Seeds = None) -> Float[Array, "*b o"]:
        x = Dense(self.hidden, name="linear_in")(x)
        out = Dense(self.out, True, self.dropout, kernel_init=self.last, name="linear_out")
        return out(x, seeds)


def ends_of_branches(count: int) -> nn.initializers.Initializer:
    """Initialiser of the last matrices of `count` residual branches of one network: together they
    add the variance of one (GPT-2's rule). With branches at full strength most of what eight layers
    give is the same for all frames: the noise that the network is to find is lost in it, and the
    loss stays at 1 (docs/throughput.md)."""
    return nn.initializers.variance_scaling(1 / count, "fan_in", "truncated_normal")


class ConformerLayer(nn.Module):
    """One layer; returns (x, None) as a scan body."""

    heads: int
    feed_forward: int
    kernel_size: int
    dropout: float
    attention: str = "einsum"
    last: nn.initializers.Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(
        self, x: Float[Array, "b t d"], valid: Bool[Array, "b t"] | None, seeds: Seeds
    ) -> tuple[Float[Array, "b t d"], None]:
        d = x.shape[-1]
        places = iter(split_seeds(seeds, 7))

        def feed_forward(y, name):
            y = LayerNorm(name=f"{name}_norm")(y)
            mlp = MLP(self.feed_forward, d, self.dropout, self.last, name=name)
            return mlp(y, next(places))

        x = add(x, feed_forward(x, "feed_forward_in"), 0.5, self.dropout, next(places))
        y = LayerNorm(name="attention_norm")(x)
        attention = SelfAttention(
            self.heads, self.dropout, self.attention, self.last, name="attention"
        )
        y = attention(y, valid, next(places))
        x = add(x, y, 1.0, self.dropout, next(places))

        y = Dense(2 * d, name="pointwise_in")(LayerNorm(name="convolution_norm")(x))
        y = DepthwiseConv1d(self.kernel_size, name="depthwise")(gated(y, valid))
        y = LayerNorm(name="depthwise_norm")(y)
        y = Dense(d, after_silu=True, kernel_init=self.last, name="pointwise_out")(y)
        x = add(x, y, 1.0, self.dropout, next(places))

        x = add(x, feed_forward(x, "feed_forward_out"), 0.5, self.dropout, next(places))
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
    attention: str = "einsum"

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
            ends_of_branches(4 * self.layers), name="layers",
        )  # fmt: skip
        return block(x, valid, None if seeds is None else split_seeds(seeds, self.layers))[0]
