"""The diffusion transformer: speech and identity to motion (§3.2, Fig. 2; DESIGN §3).

Four Proj modules (MLPs) for motion, speech, identity and diffusion step. Motion and speech of the
previous window stand in time in front of the current ones (Eq. 10). After its projection, and with
the learned null in the place of previous speech that does not exist, speech passes one
self-attention block that aligns it with motion. The streams are concatenated on
features, mixed by one linear layer and pass a multilayer Conformer; Exp-MLP gives 63 numbers a
frame, Pose-MLP 7. What the 70 numbers mean (the noise, or the clean motion) is
`MotionDenoiserConfig.prediction`.

Each condition has its own learned null. Frames past the clip's end are not seen by the others. All
motion is normalised (motion/normalization.py).
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from playmate_jax.models.attention import ATTENTIONS, SelfAttention
from playmate_jax.models.conformer import MLP, Conformer, frame_positions, sinusoids
from playmate_jax.models.pieces import Dense, LayerNorm
from playmate_jax.models.row_dropout import Seeds
from playmate_jax.motion.layout import EXPRESSION_SIZE, POSE_SIZE
from playmate_jax.motion.previous_noise import in_front
from playmate_jax.motion.windows import WindowConfig

REMAT = ("none", "layer", "dots_saveable", "dots_with_no_batch_dims_saveable", "nothing_saveable")


@dataclasses.dataclass(frozen=True)
class MotionDenoiserConfig:
    """Sizes; the defaults are the paper configuration.

    Attributes:
      speech_size: features per frame of the speech encoder (wav2vec2-base: 768; log-mel: 24 bands
        x 4).
      condition_width: width of the projected identity and step, repeated for each frame.
      remat: what the backward pass computes again (`Conformer`); older files have True or False.
      unroll: layers per turn of the loop over the layers.
      attention: "einsum" or "fused" (`SelfAttention`).
      prediction: what the network outputs: "noise" (Eq. 7), "x0" or "v".

    Raises:
      ValueError: no such way to rematerialise or to attend.
    """

    speech_size: int = 768
    identity_size: int = 63
    width: int = 512
    condition_width: int = 512
    layers: int = 8
    heads: int = 8
    feed_forward: int = 2048
    kernel_size: int = 31
    dropout: float = 0.1
    remat: Any = "none"  # str; Any, so that the bool of older files comes through
    unroll: int = 1
    attention: str = "einsum"
    prediction: str = "noise"
    window: WindowConfig = WindowConfig()

    def __post_init__(self):
        if isinstance(self.remat, bool):
            object.__setattr__(self, "remat", "layer" if self.remat else "none")
        for value, known in ((self.remat, REMAT), (self.attention, ATTENTIONS)):
            if value not in known:
                raise ValueError(f"expected one of {', '.join(known)}, found {value!r}")


def demo_generator(speech_size: int) -> MotionDenoiserConfig:
    """A size that learns on one CPU core within the hour."""
    return MotionDenoiserConfig(
        speech_size=speech_size,
        width=128,
        condition_width=32,
        layers=4,
        heads=4,
        feed_forward=256,
        kernel_size=15,
        dropout=0.0,
        prediction="x0",
    )


@dataclasses.dataclass(frozen=True)
class _Sizes:
    """Widths that follow from others and never vary on their own."""

    step_embedding: int = 128
    longest_step: float = 10_000.0


class AlignmentBlock(nn.Module):
    """One self-attention block on projected speech."""

    heads: int
    attention: str = "einsum"

    @nn.compact
    def __call__(
        self, x: Float[Array, "b t d"], valid: Bool[Array, "b t"] | None = None
    ) -> Float[Array, "b t d"]:
        y = LayerNorm(name="norm")(x) + frame_positions(x.shape[1], x.shape[2]).astype(x.dtype)
        return x + SelfAttention(self.heads, attention=self.attention, name="attention")(y, valid)


def with_previous(valid: Bool[Array, "b t"] | None, n: int) -> Bool[Array, "b pt"] | None:
    """The window's mask with n previous frames in front: they, or their null, are always valid."""
    return None if valid is None else jnp.pad(valid, ((0, 0), (n, 0)), constant_values=True)


class MotionDenoiser(nn.Module):
    """The network of stage 1. `hidden` and `heads` are apart so that stage 2 can stand between."""

    config: MotionDenoiserConfig

    def setup(self):
        c = self.config
        self.motion_projection = MLP(c.width, c.width)
        self.speech_projection = MLP(c.width, c.width)
        self.identity_projection = MLP(c.condition_width, c.condition_width)
        self.step_projection = MLP(c.width, c.condition_width)
        self.speech_alignment = AlignmentBlock(c.heads, c.attention)
        self.mix = Dense(c.width)
        self.conformer = Conformer(
            c.layers, c.heads, c.feed_forward, c.kernel_size, c.dropout, c.remat, c.unroll,
            c.attention,
        )  # fmt: skip
        # Near zero, not zero: what never moves in stage 1 would stay at zero weights for good, and
        # stage 2, which may not change the head, could not reach it.
        near_zero = nn.initializers.normal(0.01)
        self.expression_head = MLP(2 * c.width, EXPRESSION_SIZE, last=near_zero)
        self.pose_head = MLP(c.width, POSE_SIZE, last=near_zero)
        null = nn.initializers.normal(0.02)
        self.null_speech = self.param("null_speech", null, (c.width,))
        self.null_previous_speech = self.param("null_previous_speech", null, (c.width,))
        self.null_previous_motion = self.param("null_previous_motion", null, (c.width,))

    def hidden(
        self,
        motion: Float[Array, "b t 70"],
        previous_motion: Float[Array, "b p 70"],
        speech: Float[Array, "b pt f"],
        identity: Float[Array, "b i"],
        step: Int[Array, " b"],
        has_speech: Bool[Array, " b"],
        has_previous: Bool[Array, " b"],
        valid: Bool[Array, "b t"] | None = None,
        seeds: Seeds = None,
    ) -> Float[Array, "b pt d"]:
        """The Conformer's output, for the previous frames and the window's.

        Args:
          motion: the window's noisy motion.
          previous_motion: the frames before it, clean (in training with a little noise, Eq. 9).
          speech: features of both.
          identity: canonical keypoints of the source, normalised.
          step: diffusion step.
          has_speech, has_previous: False puts the learned null in place of the condition.
          valid: False for the window's frames past the clip's end; None: there are none.
          seeds: one a row, turns dropout on.
        """
        c = self.config
        p, total = c.window.previous, c.window.total
        valid = with_previous(valid, p)

        heard = self.speech_projection(speech)
        past = jnp.where(has_previous[:, None, None], heard[:, :p], self.null_previous_speech)
        heard = self.speech_alignment(in_front(past, heard[:, p:]), valid)
        heard = jnp.where(has_speech[:, None, None], heard, self.null_speech)

        past = self.motion_projection(previous_motion)
        past = jnp.where(has_previous[:, None, None], past, self.null_previous_motion)
        moved = in_front(past, self.motion_projection(motion))

        embedding = sinusoids(step.astype(jnp.float32), _Sizes.step_embedding, _Sizes.longest_step)
        embedding = embedding.astype(motion.dtype)
        clip = jnp.concatenate(
            [self.identity_projection(identity), self.step_projection(embedding)], -1
        )
        clip = jnp.broadcast_to(clip[:, None], (clip.shape[0], total, clip.shape[1]))

        x = self.mix(jnp.concatenate([moved, heard, clip], -1))
        x = x + frame_positions(total, c.width).astype(x.dtype)
        return self.conformer(x, valid, seeds)

    def heads(
        self, expression_hidden: Float[Array, "b pt d"], pose_hidden: Float[Array, "b pt d"]
    ) -> Float[Array, "b t 70"]:
        """Exp-MLP and Pose-MLP on the window's frames; stage 2 gives Exp-MLP an input of its
        own."""
        p = self.config.window.previous
        expression = self.expression_head(expression_hidden[:, p:])
        return jnp.concatenate([expression, self.pose_head(pose_hidden[:, p:])], -1)

    def __call__(self, *inputs) -> Float[Array, "b t 70"]:
        """Stage 1: arguments of `hidden`, output of `heads`."""
        hidden = self.hidden(*inputs)
        return self.heads(hidden, hidden)
