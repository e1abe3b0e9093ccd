"""The loss of stages 1 and 2 on one batch of windows.

The diffusion objective (Eq. 7, or its x0 form) plus two optional terms on the estimate of the clean
motion, off in the paper configurations: the error of the velocity between frames, and the error of
a few linear readouts of the expression (of the lips: what is small in the 63 numbers, such as lips
that meet for two frames, may be what one sees first).
"""

import dataclasses
from typing import Any

import chex
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from playmate_jax.data.motion_batch import MotionBatch
from playmate_jax.diffusion.forward import add_noise, x0_from
from playmate_jax.diffusion.objective import masked_sum, squared_error, velocity_error
from playmate_jax.losses.motion_draws import CONDITIONS, Draws, draws
from playmate_jax.losses.readouts import Readout, ReadoutConfig
from playmate_jax.models.motion_model import Inputs, MotionModelConfig, output
from playmate_jax.motion.layout import EXPRESSION, MOTION_SIZE, POSE
from playmate_jax.motion.previous_noise import noise_at
from playmate_jax.parallel.share import Mean, Terms


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """Weights and condition dropout.

    Attributes:
      pose_weight: weight of each pose number against each expression number.
      velocity_weight, readout_weight: of the optional terms; 0 is off.
      readout: what of the expression is read out.
      event_weight: how much more a frame counts in the readout while its rare event happens. Of
        something that is there with probability p, the estimate is then (1 + w) p / (1 + w p)
        instead of p: when in doubt, it shows.
      snr_limit: windows count by their signal-to-noise ratio alpha_bar / (1 - alpha_bar), clamped
        to 1 ... this; 1 counts all alike. Errors are small where little noise is left, and there
        fine things are decided: gaze, lips that just meet.
      previous_noise: form of Eq. 9, "printed" or "ddpm".
      speech_dropout, emotion_dropout, previous_dropout: chance that a condition is replaced by
        its null.
    """

    pose_weight: float = 1.0
    velocity_weight: float = 0.0
    pose_velocity_weight: float = 0.0
    readout_weight: float = 0.0
    event_weight: float = 0.0
    readout: ReadoutConfig = ReadoutConfig()
    snr_limit: float = 1.0
    previous_noise: str = "printed"
    speech_dropout: float = 0.1
    emotion_dropout: float = 0.1
    previous_dropout: float = 0.1

    def weights(self, expression_only: bool = False) -> dict[str, float]:
        """The terms of `motion_loss` that are to be made small, and what each counts."""
        moving = self.velocity_weight or (self.pose_velocity_weight and not expression_only)
        return (
            {"diffusion": 1.0}
            | ({"velocity": 1.0} if moving else {})  # weighted by motion number already
            | ({"readout": self.readout_weight} if self.readout_weight else {})
        )


def conditions(
    config: LossConfig, batch: MotionBatch, alphas_bar: Float[Array, " n"], drawn: Draws
) -> Inputs:
    """The batch's conditions: noise on the previous motion (Eq. 9), each dropped at random.

    Args:
      alphas_bar: of the n diffusion steps.
    """
    dropout = [getattr(config, f"{name}_dropout") for name in CONDITIONS]
    speech, emotion, previous = (drawn.chances >= jnp.array(dropout)).T
    bars = alphas_bar[drawn.previous_step]
    return Inputs(
        previous_motion=noise_at(
            batch["previous_motion"], drawn.previous_noise, bars, config.previous_noise
        ),
        speech=batch["speech"],
        identity=batch["identity"],
        emotion=batch["emotion"] * emotion[:, None, None],
        has_speech=speech,
        has_previous=batch["has_previous"] & previous,
        valid=batch["valid"],
    )


def motion_loss(
    config: LossConfig,
    model: MotionModelConfig,
    params: dict[str, Any],
    batch: MotionBatch,
    keys: Key[Array, " b"],
    readout: Readout | None = None,
    expression_only: bool = False,
    precision: str | None = None,
) -> Terms:
    """The terms of the loss of n rows, as sums and counts: "diffusion", "expression_error",
    "pose_error", and "velocity" and "readout" where they count. `LossConfig.weights` says what they
    weigh.

    Args:
      params: {"generator"}, or {"generator", "emotion"} where the model has a controller.
      keys: (n,) one of each row.
      readout: made of `config.readout`; None: no such term.
      expression_only: stage 2's loss. Pose does not count, as the controller cannot change it, and
        the generator runs without dropout: it is the frozen one that the controller will meet.
      precision: "bfloat16" evaluates the networks in it; the loss stays float32.
    """
    n_steps, window = model.schedule.n_steps, model.generator.window
    drawn = draws(keys, n_steps, window, batch["motion"].dtype)
    if expression_only or not model.generator.dropout:
        drawn = dataclasses.replace(drawn, seed=None)
    return loss_at(config, model, params, batch, drawn, readout, expression_only, precision)


def loss_at(
    config: LossConfig,
    model: MotionModelConfig,
    params: dict[str, Any],
    batch: MotionBatch,
    drawn: Draws,
    readout: Readout | None = None,
    expression_only: bool = False,
    precision: str | None = None,
) -> Terms:
    """`motion_loss` for given draws: a pure function of them."""
    window = model.generator.window
    chex.assert_shape(batch["motion"], (None, window.length, MOTION_SIZE))
    chex.assert_shape(batch["previous_motion"], (None, window.previous, MOTION_SIZE))
    chex.assert_shape(batch["speech"], (None, window.total, model.generator.speech_size))
    chex.assert_equal_shape_prefix([batch["motion"], batch["valid"]], 2)
    schedule = model.schedule.build()
    x0, valid = batch["motion"], batch["valid"]
    alpha_bar = schedule.alphas_bar[drawn.step]
    x = add_noise(x0, drawn.noise, alpha_bar)
    inputs = conditions(config, batch, schedule.alphas_bar, drawn)
    raw = output(model, params, x, drawn.step, inputs, drawn.seed, precision)

    prediction = model.generator.prediction
    weights = _weights(0.0 if expression_only else config.pose_weight)
    emphasis = jnp.clip(alpha_bar / (1 - alpha_bar), 1.0, config.snr_limit)[:, None, None]
    error = squared_error(prediction, raw, x0, drawn.noise, alpha_bar)
    terms = {
        "diffusion": Mean(*masked_sum(emphasis * error, valid, weights)),
        "expression_error": Mean(*masked_sum(error[..., EXPRESSION], valid)),
        "pose_error": Mean(*masked_sum(error[..., POSE], valid)),
    }
    estimate = x0_from(prediction, raw, x, alpha_bar)
    if "velocity" in config.weights(expression_only):
        velocity = _weights(0.0 if expression_only else config.pose_velocity_weight)
        velocity = velocity.at[EXPRESSION].set(config.velocity_weight)
        root = jnp.sqrt(emphasis)
        bend, count = velocity_error(root * estimate, root * x0, valid, velocity)
        # times the mean weight: `masked_sum` takes it out
        terms["velocity"] = Mean(velocity.mean() * bend, count)
    if config.readout_weight and readout is not None:
        wrong = (estimate - x0)[..., EXPRESSION] @ jnp.asarray(readout.matrix)
        weights = readout.frame_weights(x0[..., EXPRESSION], config.event_weight)
        terms["readout"] = Mean(*masked_sum(emphasis * weights * jnp.square(wrong), valid))
    return terms


def _weights(pose_weight: float) -> Float[Array, "70"]:
    return jnp.ones(MOTION_SIZE).at[POSE].set(pose_weight)
