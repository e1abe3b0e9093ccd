"""wav2vec 2.0 and HuBERT: waveforms to features at 50 Hz, as in transformers' Wav2Vec2Model.

Baevski et al. 2020 and Hsu et al. 2021; the two share one network. Seven convolutions (product of
strides 320, receptive field 400 samples) and a Transformer with a convolution for positions. Two
branches exist in published weights: "group" with norms after the residuals (base), "layer" with
norms before them (large, `stable_layer_norm`). For inference: no dropout, no time masking.

    encoder = Wav2Vec2(Wav2Vec2Config())
    states = encoder.apply(variables, audio)   # (b, s) -> layers + 1 arrays (b, t, d)
"""

import dataclasses
import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

LayerNorm = functools.partial(nn.LayerNorm, epsilon=1e-5, use_fast_variance=False)
_gelu = functools.partial(jax.nn.gelu, approximate=False)

# Each channel's mean and variance over time.
Moments = tuple[Float[Array, " c"], Float[Array, " c"]]


@dataclasses.dataclass(frozen=True)
class Wav2Vec2Config:
    """Sizes and branches; the defaults are wav2vec2-base's and HuBERT-base's.

    Attributes:
      channels, kernels, strides: of the convolutions on the waveform.
      conv_bias: these convolutions have a bias.
      feature_norm: "group" normalises the first convolution over time, "layer" all over channels.
      projection_norm: a LayerNorm stands before the projection (some HuBERTs have none).
      position_kernel, position_groups: of the convolution that embeds positions.
      stable_layer_norm: norms before attention and feed-forward, and one at the end.
    """

    channels: tuple[int, ...] = (512,) * 7
    kernels: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    strides: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_bias: bool = False
    feature_norm: str = "group"
    projection_norm: bool = True
    width: int = 768
    layers: int = 12
    heads: int = 12
    feed_forward: int = 3072
    position_kernel: int = 128
    position_groups: int = 16
    stable_layer_norm: bool = False

    def n_features(self, samples: int) -> int:
        """Features of so many samples; 0 where they are fewer than the receptive field."""
        for kernel, stride in zip(self.kernels, self.strides, strict=True):
            samples = max(0, (samples - kernel) // stride + 1)
        return samples


class ChannelNorm(nn.Module):
    """GroupNorm with a group per channel: each channel over time."""

    @nn.compact
    def __call__(
        self, x: Float[Array, "b t c"], moments: Moments | None = None
    ) -> Float[Array, "b t c"]:
        scale = self.param("scale", nn.initializers.ones, x.shape[-1:])
        bias = self.param("bias", nn.initializers.zeros, x.shape[-1:])
        mean, variance = moments or (x.mean(1, keepdims=True), x.var(1, keepdims=True))
        return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * scale + bias


class FeatureExtractor(nn.Module):
    """The convolutional feature extractor: audio (b, s) to features at 50 Hz."""

    config: Wav2Vec2Config

    @nn.compact
    def __call__(
        self, audio: Float[Array, "b s"], moments: Moments | None = None
    ) -> Float[Array, "b t c"]:
        c = self.config
        x = audio[..., None]
        for i, (width, kernel, stride) in enumerate(zip(c.channels, c.kernels, c.strides)):
            x = nn.Conv(width, (kernel,), stride, "VALID", use_bias=c.conv_bias, name=f"conv_{i}")(
                x
            )
            if c.feature_norm == "layer":
                x = LayerNorm(name=f"norm_{i}")(x)
            elif i == 0:
                x = ChannelNorm(name="norm_0")(x, moments)
            x = _gelu(x)
        return x


class PositionConv(nn.Module):
    """A grouped convolution under weight normalisation: each tap has a length and a direction."""

    config: Wav2Vec2Config

    @nn.compact
    def __call__(self, x: Float[Array, "b t d"]) -> Float[Array, "b t d"]:
        c, d = self.config, x.shape[-1]
        k = c.position_kernel
        # (taps, inputs of a group, outputs)
        direction = self.param(
            "direction", nn.initializers.normal((k * d) ** -0.5), (k, d // c.position_groups, d)
        )
        length = self.param("length", nn.initializers.ones, (k,))
        bias = self.param("bias", nn.initializers.zeros, (d,))
        norm = jnp.sqrt(jnp.square(direction).sum((1, 2)))
        kernel = direction * (length / norm)[:, None, None]
        y = jax.lax.conv_general_dilated(
            x,
            kernel,
            (1,),
            [(k // 2, k // 2)],
            dimension_numbers=("NWC", "WIO", "NWC"),
            feature_group_count=c.position_groups,
        )
        return _gelu(y[:, : x.shape[1]] + bias)  # an even kernel makes one frame too many


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, norms after (base) or before them (large)."""

    config: Wav2Vec2Config

    @nn.compact
    def __call__(
        self, x: Float[Array, "b t d"], counts: Bool[Array, "b t"] | None = None
    ) -> Float[Array, "b t d"]:
        c = self.config
        norm, final_norm = LayerNorm(name="norm"), LayerNorm(name="final_norm")
        if c.stable_layer_norm:
            x = x + self._attention(norm(x), counts)
            return x + self._feed_forward(final_norm(x))
        x = norm(x + self._attention(x, counts))
        return final_norm(x + self._feed_forward(x))

    def _attention(self, x, counts):
        c, (b, t, d) = self.config, x.shape
        size = d // c.heads
        query, key, value = (
            nn.Dense(d, name=name)(x).reshape(b, t, c.heads, size)
            for name in ("query", "key", "value")
        )
        scores = jnp.einsum("bqnd,bknd->bnqk", query * size**-0.5, key)
        if counts is not None:
            scores = jnp.where(counts[:, None, None], scores, -jnp.inf)
        mixed = jnp.einsum("bnqk,bknd->bqnd", jax.nn.softmax(scores), value)
        return nn.Dense(d, name="out")(mixed.reshape(b, t, d))

    def _feed_forward(self, x):
        y = _gelu(nn.Dense(self.config.feed_forward, name="widen")(x))
        return nn.Dense(x.shape[-1], name="narrow")(y)


class Wav2Vec2(nn.Module):
    """The whole encoder: feature extractor, projection and transformer layers."""

    config: Wav2Vec2Config

    @nn.compact
    def __call__(
        self,
        audio: Float[Array, "b s"],
        n_rows: Int[Array, " b"] | None = None,
        moments: Moments | None = None,
    ) -> list[Float[Array, "b t d"]]:
        """The input of the first layer and every layer's output; the last is transformers'
        `last_hidden_state`.

        Args:
          audio: 16 kHz, normalised as the weights were trained (the base models: to zero mean and
            unit variance per utterance).
          n_rows: how many feature rows count, of audio that was filled up to a fixed length; those
            are as if nothing followed them.
          moments: of the first convolution's channels, for its norm over time, where this audio is
            a part of an utterance.
        """
        c = self.config
        x = FeatureExtractor(c, name="features")(audio, moments)
        if c.projection_norm:
            x = LayerNorm(name="projection_norm")(x)
        x = nn.Dense(c.width, name="projection")(x)
        counts = None
        if n_rows is not None:
            counts = jnp.arange(x.shape[1]) < n_rows[:, None]
            x = jnp.where(counts[..., None], x, 0)
        x = x + PositionConv(c, name="positions")(x)
        norm = LayerNorm(name="norm")
        states = [x if c.stable_layer_norm else norm(x)]
        for i in range(c.layers):
            states.append(EncoderLayer(c, name=f"layer_{i}")(states[-1], counts))
        if c.stable_layer_norm:
            states[-1] = norm(states[-1])
        return states


def shapes(config: Wav2Vec2Config) -> dict[str, Any]:
    """The tree of the encoder's variables as shapes; nothing is computed."""
    audio = jax.ShapeDtypeStruct((1, 800), jnp.float32)
    return dict(jax.eval_shape(Wav2Vec2(config).init, jax.random.key(0), audio))
