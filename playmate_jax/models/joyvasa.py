"""JoyVASA's motion generator: noisy motion, speech and a diffusion step to clean motion.

Cao et al. 2024 (arXiv 2411.09209), after DiffPoseTalk. Motion tokens (the previous window's frames
in front) attend to each other and to speech, one speech frame per motion frame, in Transformer
decoder layers with norms after the residuals. With one speech frame to attend to, attention is that
frame's value, so no scores are computed; queries and keys stay in the tree because checkpoints have
them.

    motion (b, t, 70) noisy, speech (b, t, d), the same of p previous frames, step (b,) in 1..n
        -> (b, p + t, 70), of which the last t frames count

The published weights were trained with a slip in the positions: one row of the sinusoidal table,
the one behind the last token, was added to every token. Their authors corrected it later. A network
gives its best with what it was trained with: `position_row` keeps the slip and is the default.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from playmate_jax.diffusion.schedule import (
    Schedule,
    cosine_schedule,
    linear_schedule,
    quadratic_schedule,
    sigmoid_schedule,
)
from playmate_jax.models.wav2vec2 import Wav2Vec2Config
from playmate_jax.motion.layout import MOTION_SIZE
from playmate_jax.motion.windows import WindowConfig

LayerNorm = functools.partial(nn.LayerNorm, epsilon=1e-5, use_fast_variance=False)
_gelu = functools.partial(jax.nn.gelu, approximate=False)

SCHEDULES: dict[str, Callable[[int], Schedule]] = {
    "linear": linear_schedule,
    "cosine": functools.partial(cosine_schedule, min_beta=1e-4),
    "quadratic": quadratic_schedule,
    "sigmoid": sigmoid_schedule,
}


@dataclasses.dataclass(frozen=True)
class DenoiserConfig:
    """Sizes and branches; the defaults are those of the original's class.

    Attributes:
      mlp_ratio: width of a layer's feed-forward over `width`.
      indicator: a channel says which frames are real (1) and which fill the window up (0).
      align_width: 1 hears one speech frame per motion frame, n also n - 1 on each side, 0 all.
      schedule, n_diffusion_steps: a name of `SCHEDULES`, and the steps of the chain.
      position_row: the published weights' slip (see above); False adds row i to token i.
    """

    width: int = 512
    layers: int = 8
    heads: int = 8
    mlp_ratio: int = 4
    window: WindowConfig = WindowConfig()
    indicator: bool = False
    align_width: int = 1
    schedule: str = "cosine"
    n_diffusion_steps: int = 500
    position_row: bool = True


@dataclasses.dataclass(frozen=True)
class JoyvasaConfig:
    """The whole generator.

    Attributes:
      encoder: of speech; it was trained along, on audio as it is, window by window.
      prediction: what the denoiser outputs, "x0" or "noise".
      audio_scale: guidance, where a request does not say.
      smoothing: weight of a new frame in the EMA of the head's motion; None leaves the
        motion as it was made.
    """

    denoiser: DenoiserConfig = DenoiserConfig()
    encoder: Wav2Vec2Config = Wav2Vec2Config()
    prediction: str = "x0"
    audio_scale: float = 2.8
    smoothing: float | None = 0.01


def sinusoids(rows: int, width: int) -> Float[np.ndarray, "rows width"]:
    """The table of "Attention is all you need": sines in even columns, cosines in odd ones."""
    rates = np.exp(np.arange(0, width, 2, dtype=np.float32) * np.float32(-np.log(1e4) / width))
    angles = np.arange(rows, dtype=np.float32)[:, None] * rates
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(rows, width)


def alignment(tokens: int, width: int) -> Bool[np.ndarray, "tokens tokens"]:
    """Which speech frames (columns) a motion frame may hear."""
    distance = np.abs(np.subtract.outer(np.arange(tokens), np.arange(tokens)))
    return distance < width if width > 0 else np.ones((tokens, tokens), bool)


class Attention(nn.Module):
    """PyTorch's multi-head attention: one kernel for queries, keys and values, in this order."""

    heads: int

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "b q d"],
        memory: Float[Array, "b k d"],
        mask: Bool[Array | np.ndarray, "q k"] | None = None,
        aligned: bool = False,
    ) -> Float[Array, "b q d"]:
        """Args:
        mask: what may be attended to; None is everything.
        aligned: each query has one key, that of its own place.
        """
        d = x.shape[-1]
        kernel = self.param("kernel", nn.initializers.lecun_normal(), (d, 3 * d))
        bias = self.param("bias", nn.initializers.zeros, (3 * d,))
        value = memory @ kernel[:, 2 * d :] + bias[2 * d :]
        if not aligned:
            query = self._split(x @ kernel[:, :d] + bias[:d]) * (d // self.heads) ** -0.5
            key = self._split(memory @ kernel[:, d : 2 * d] + bias[d : 2 * d])
            scores = jnp.einsum("bqnd,bknd->bnqk", query, key)
            if mask is not None:
                scores = jnp.where(mask, scores, -jnp.inf)
            mixed = jnp.einsum("bnqk,bknd->bqnd", jax.nn.softmax(scores), self._split(value))
            value = mixed.reshape(x.shape)
        return nn.Dense(d, name="out")(value)

    def _split(self, x):
        return x.reshape(*x.shape[:-1], self.heads, -1)


class DecoderLayer(nn.Module):
    """Motion to motion, motion to speech, feed-forward; a norm after each."""

    config: DenoiserConfig

    @nn.compact
    def __call__(
        self, x: Float[Array, "b t d"], speech: Float[Array, "b t d"]
    ) -> Float[Array, "b t d"]:
        c, (tokens, d) = self.config, x.shape[1:]
        x = LayerNorm(name="norm_motion")(x + Attention(c.heads, name="motion")(x, x))
        to_speech, aligned = Attention(c.heads, name="speech"), c.align_width == 1
        heard = to_speech(x, speech, alignment(tokens, c.align_width), aligned)
        x = LayerNorm(name="norm_speech")(x + heard)
        y = _gelu(nn.Dense(c.mlp_ratio * d, name="widen")(x))
        return LayerNorm(name="norm")(x + nn.Dense(d, name="narrow")(y))


class Denoiser(nn.Module):
    """JoyVASA's denoising network: predicts the clean motion of a window, or its noise."""

    config: DenoiserConfig

    @nn.compact
    def __call__(
        self,
        motion: Float[Array, "b t 70"],
        speech: Float[Array, "b t d"],
        previous_motion: Float[Array, "b p 70"],
        previous_speech: Float[Array, "b p d"],
        step: Int[Array, " b"],
        indicator: Float[Array, "b t"] | None = None,
    ) -> Float[Array, "b pt 70"]:
        """Args:
        speech: of the window's frames, as `Joyvasa.speech` gives it.
        step: 1 (nearly clean) to `n_diffusion_steps`.
        indicator: 1 for real frames; None says all are, where the network asks at all.
        """
        c, d = self.config, self.config.width
        x = jnp.concatenate([previous_motion, motion], 1)
        if c.indicator:
            real = jnp.ones(motion.shape[:2]) if indicator is None else indicator
            real = jnp.pad(real, ((0, 0), (c.window.previous, 0)))  # past frames count as unreal
            x = jnp.concatenate([x, real[..., None]], -1)
        x = nn.Dense(d, name="project")(x)
        tokens = x.shape[1]
        table = sinusoids(max(c.n_diffusion_steps, tokens) + 1, d)
        x = x + (table[tokens] if c.position_row else table[:tokens])
        time = _gelu(nn.Dense(d, name="step_in")(jnp.asarray(table)[step]))
        x = x + nn.Dense(d, name="step_out")(time)[:, None]
        heard = jnp.concatenate([previous_speech, speech], 1)
        for i in range(c.layers):
            x = DecoderLayer(c, name=f"layer_{i}")(x, heard)
        return nn.Dense(MOTION_SIZE, name="motion_out")(
            _gelu(nn.Dense(d // 2, name="motion_in")(x))
        )


class Joyvasa(nn.Module):
    """The denoiser with what stands around it: the map of speech features, what precedes a first
    window, and what no speech sounds like."""

    config: DenoiserConfig

    def setup(self):
        p, d = self.config.window.previous, self.config.width
        noise = nn.initializers.normal(1.0)
        self.denoiser = Denoiser(self.config)
        self.speech_map = nn.Dense(d)
        self.start_speech = self.param("start_speech", noise, (1, p, d))
        self.start_motion = self.param("start_motion", noise, (1, p, MOTION_SIZE))
        self.no_speech = self.param("no_speech", noise, (1, 1, d))

    def __call__(self, *inputs: Any) -> Float[Array, "b pt 70"]:
        """The denoiser's output; arguments are those of `Denoiser`."""
        return self.denoiser(*inputs)

    def speech(self, features: Float[Array, "b t f"]) -> Float[Array, "b t d"]:
        """The speech encoder's features at 25 frames a second, in the denoiser's width."""
        return self.speech_map(features)

    def everything(self, features: Array, *inputs: Any) -> tuple[Array, Array]:
        """Both of the above, to make or to count all parameters."""
        return self.speech(features), self(*inputs)


def shapes(config: DenoiserConfig, speech_size: int = 768) -> dict[str, Any]:
    """The tree of `Joyvasa`'s variables as shapes; nothing is computed.

    Args:
      speech_size: numbers a frame of the speech encoder.
    """
    t, p, d = config.window.length, config.window.previous, config.width
    sizes = [(1, t, speech_size), (1, t, MOTION_SIZE), (1, t, d), (1, p, MOTION_SIZE), (1, p, d)]
    inputs = [jax.ShapeDtypeStruct(size, jnp.float32) for size in sizes]
    step = jax.ShapeDtypeStruct((1,), jnp.int32)
    init = functools.partial(Joyvasa(config).init, method="everything")
    return dict(jax.eval_shape(init, jax.random.key(0), *inputs, step))
