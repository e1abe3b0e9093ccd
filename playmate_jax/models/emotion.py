"""The emotion-control module (§3.3, Fig. 3): two DiT blocks between the Conformer and Exp-MLP.

The first block takes the Conformer's output, both take the emotion condition with the step's
embedding (adaLN-Zero, Peebles and Xie 2023). Pose-MLP keeps the Conformer's own output. At
initialisation every gate is zero and the module is the identity, so stage 2 starts exactly at stage
1.

The condition is weights over the eight emotions times an intensity, per clip or per frame. Beyond
the DiT block, gates are multiplied by the condition's strength (the sum of its weights, at most 1):
with no emotion (the null condition, all zero) the module is the identity for good, and faint
emotions fade into none.
"""

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from playmate_jax.models.attention import SelfAttention
from playmate_jax.models.conformer import MLP, sinusoids
from playmate_jax.models.pieces import EPSILON
from playmate_jax.motion.layout import EMOTIONS


@dataclasses.dataclass(frozen=True)
class EmotionConfig:
    """Sizes; width and heads are the generator's."""

    blocks: int = 2
    heads: int = 8
    mlp_ratio: int = 4
    condition_width: int = 512


def demo_emotion() -> EmotionConfig:
    """The configuration of the controller at the demo's size."""
    return EmotionConfig(heads=4, mlp_ratio=2, condition_width=128)


_Norm = functools.partial(
    nn.LayerNorm, epsilon=EPSILON, use_fast_variance=False, use_scale=False, use_bias=False
)


class DiTBlock(nn.Module):
    """Attention and MLP; a condition shifts and scales their LayerNorms and gates their outputs."""

    heads: int
    mlp_ratio: int

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "b t d"],
        condition: Float[Array, "b t c"],
        strength: Float[Array, "b t 1"],
        valid: Bool[Array, "b t"] | None = None,
    ) -> Float[Array, "b t d"]:
        d = x.shape[-1]
        modulation = nn.Dense(6 * d, kernel_init=nn.initializers.zeros, name="modulation")
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = jnp.split(
            modulation(nn.silu(condition)), 6, -1
        )
        norm = _Norm(name="norm_attention")
        y = norm(x) * (1 + scale_a) + shift_a
        y = SelfAttention(self.heads, name="attention")(y, valid)
        x = x + strength * gate_a * y
        norm = _Norm(name="norm_mlp")
        y = MLP(self.mlp_ratio * d, d, name="mlp")(norm(x) * (1 + scale_m) + shift_m)
        return x + strength * gate_m * y


class EmotionController(nn.Module):
    """The network of stage 2: the Conformer's output to what Exp-MLP reads."""

    config: EmotionConfig

    @nn.compact
    def __call__(
        self,
        hidden: Float[Array, "b t d"],
        emotion: Float[Array, "b t 8"],
        step: Int[Array, " b"],
        valid: Bool[Array, "b t"] | None = None,
    ) -> Float[Array, "b t d"]:
        """Hidden features that carry the emotion.

        Args:
          hidden: the Conformer's output, previous frames included.
          emotion: weights times intensity, per frame; `per_frame` spreads one per clip.
          step: diffusion step.
          valid: False for frames past the clip's end; None: there are none.
        """
        c = self.config
        embedding = sinusoids(step.astype(jnp.float32), 128, 10_000.0).astype(hidden.dtype)
        condition = MLP(c.condition_width, c.condition_width, name="emotion_projection")(emotion)
        at_step = MLP(c.condition_width, c.condition_width, name="step_projection")(embedding)
        condition = condition + at_step[:, None]
        strength = jnp.clip(emotion.sum(-1, keepdims=True), 0, 1)
        for i in range(c.blocks):
            block = DiTBlock(c.heads, c.mlp_ratio, name=f"block_{i}")
            hidden = block(hidden, condition, strength, valid)
        return hidden


def per_frame(
    emotion: Float[Array, "b 8"] | Float[Array, "b t 8"], n_frames: int
) -> Float[Array, "b t 8"]:
    """One condition per frame, from one per clip or as given."""
    if emotion.shape[-1] != len(EMOTIONS):
        raise ValueError(f"expected {len(EMOTIONS)} emotion weights, found {emotion.shape[-1]}")
    if emotion.ndim == 2:  # noqa: PLR2004
        emotion = jnp.broadcast_to(
            emotion[:, None], (emotion.shape[0], n_frames, emotion.shape[-1])
        )
    return jnp.asarray(emotion, jax.dtypes.canonicalize_dtype(float))
