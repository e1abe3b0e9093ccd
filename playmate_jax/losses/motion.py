"""The loss of stages 1 and 2 on one batch of windows.

The diffusion objective (Eq. 7, or its x0 form) plus two optional terms on the estimate of the clean
motion, off in the paper configurations: the error of the velocity between frames, and the error of
a few linear readouts of the expression (of the lips: what is small in the 63 numbers, such as lips
that meet for two frames, may be what one sees first).
"""

import dataclasses
from typing import Any

import chex
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from playmate_jax.data.motion_batch import MotionBatch
from playmate_jax.diffusion.forward import add_noise, x0_from
from playmate_jax.diffusion.objective import masked_mean, squared_error, velocity_error
from playmate_jax.losses.readouts import Readout, ReadoutConfig
from playmate_jax.models.motion_model import Inputs, MotionModelConfig, output
from playmate_jax.motion.layout import EXPRESSION, MOTION_SIZE, POSE
from playmate_jax.motion.previous_noise import noisy_previous


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


def conditions(
    config: LossConfig, batch: MotionBatch, alphas_bar: Float[Array, " n"], key: PRNGKeyArray
) -> Inputs:
    """The batch's conditions: noise on the previous motion (Eq. 9), each dropped at random.

    Args:
      alphas_bar: of the n diffusion steps.
    """
    noise_key, speech_key, emotion_key, previous_key = jax.random.split(key, 4)
    b = batch["motion"].shape[0]
    kept = 1 - jnp.array(
        [config.speech_dropout, config.emotion_dropout, config.previous_dropout], jnp.float32
    )
    has_emotion = jax.random.bernoulli(emotion_key, kept[1], (b, 1, 1))
    return Inputs(
        previous_motion=noisy_previous(
            noise_key, batch["previous_motion"], alphas_bar, form=config.previous_noise
        ),
        speech=batch["speech"],
        identity=batch["identity"],
        emotion=batch["emotion"] * has_emotion,
        has_speech=jax.random.bernoulli(speech_key, kept[0], (b,)),
        has_previous=batch["has_previous"] & jax.random.bernoulli(previous_key, kept[2], (b,)),
    )


def motion_loss(
    config: LossConfig,
    model: MotionModelConfig,
    params: dict[str, Any],
    batch: MotionBatch,
    key: PRNGKeyArray,
    readout: Readout | None = None,
    expression_only: bool = False,
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """Mean loss of a batch, and its parts "diffusion", "expression_error", "pose_error", and
    "velocity" and "readout" where they count.

    Args:
      params: {"generator"}, or {"generator", "emotion"} where the model has a controller.
      readout: made of `config.readout`; None: no such term.
      expression_only: pose does not count (stage 2 cannot change it).
    """
    window = model.generator.window
    chex.assert_shape(batch["motion"], (None, window.length, MOTION_SIZE))
    chex.assert_shape(batch["previous_motion"], (None, window.previous, MOTION_SIZE))
    chex.assert_shape(batch["speech"], (None, window.total, model.generator.speech_size))
    chex.assert_equal_shape_prefix([batch["motion"], batch["valid"]], 2)
    schedule = model.schedule.build()
    step_key, noise_key, condition_key, dropout_key = jax.random.split(key, 4)
    x0, valid = batch["motion"], batch["valid"]
    step = jax.random.randint(step_key, (x0.shape[0],), 0, schedule.n_steps)
    noise = jax.random.normal(noise_key, x0.shape, x0.dtype)
    alpha_bar = schedule.alphas_bar[step]
    x = add_noise(x0, noise, alpha_bar)
    inputs = conditions(config, batch, schedule.alphas_bar, condition_key)
    raw = output(model, params, x, step, inputs, dropout_key if model.generator.dropout else None)

    prediction = model.generator.prediction
    pose_weight = 0.0 if expression_only else config.pose_weight
    weights = _weights(pose_weight)
    emphasis = jnp.clip(alpha_bar / (1 - alpha_bar), 1.0, config.snr_limit)[:, None, None]
    error = squared_error(prediction, raw, x0, noise, alpha_bar)
    total = masked_mean(emphasis * error, valid, weights)
    parts = {
        "diffusion": total,
        "expression_error": masked_mean(error[..., EXPRESSION], valid),
        "pose_error": masked_mean(error[..., POSE], valid),
    }
    estimate = x0_from(prediction, raw, x, alpha_bar)
    if config.velocity_weight or config.pose_velocity_weight:
        velocity = _weights(0.0 if expression_only else config.pose_velocity_weight)
        velocity = velocity.at[EXPRESSION].set(config.velocity_weight)
        # times the mean weight: `masked_mean` takes it out
        root = jnp.sqrt(emphasis)
        bend = velocity_error(root * estimate, root * x0, valid, velocity)
        parts["velocity"] = velocity.mean() * bend
        total = total + parts["velocity"]
    if config.readout_weight and readout is not None:
        wrong = (estimate - x0)[..., EXPRESSION] @ jnp.asarray(readout.matrix)
        weights = readout.frame_weights(x0[..., EXPRESSION], config.event_weight)
        parts["readout"] = masked_mean(emphasis * weights * jnp.square(wrong), valid)
        total = total + config.readout_weight * parts["readout"]
    return total, {"loss": total, **parts}


def _weights(pose_weight: float) -> Float[Array, "70"]:
    return jnp.ones(MOTION_SIZE).at[POSE].set(pose_weight)
