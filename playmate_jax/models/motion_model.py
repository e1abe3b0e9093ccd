"""Stage 1 and stage 2 as one model of motion: configuration, parameters, and the noise they
predict.

Parameters: {"generator": ..., "emotion": ... (once stage 2 is trained), "statistics": ...}. The
statistics are what normalisation and the conditions need (`Statistics` of motion/normalization.py);
they travel with the weights because they mean nothing without them.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from playmate_jax.diffusion.forward import noise_from
from playmate_jax.diffusion.schedule import Schedule, linear_schedule
from playmate_jax.models.emotion import EmotionConfig, EmotionController
from playmate_jax.models.motion_denoiser import (
    MotionDenoiser,
    MotionDenoiserConfig,
    with_previous,
)
from playmate_jax.models.row_dropout import Seeds
from playmate_jax.motion.layout import EMOTIONS, MOTION_SIZE


@dataclasses.dataclass(frozen=True)
class ScheduleConfig:
    """The noise schedule: DDPM's linear betas."""

    n_steps: int = 1000
    first_beta: float = 1e-4
    last_beta: float = 0.02

    def build(self) -> Schedule:
        """The noise schedule that these numbers describe."""
        return linear_schedule(self.n_steps, self.first_beta, self.last_beta)


@dataclasses.dataclass(frozen=True)
class MotionModelConfig:
    """Both networks, their schedule, and the speech features they read.

    Attributes:
      speech: an encoder's name and, after a slash, its layer ("wav2vec2", "hubert/9",
        "wav2vec2/mean").
      audio_scale: guidance towards the speech (Eq. 8) where nothing else is asked for; section 4.1
        of the paper has 1.5.
    """

    generator: MotionDenoiserConfig = MotionDenoiserConfig()
    emotion: EmotionConfig | None = None
    schedule: ScheduleConfig = ScheduleConfig()
    speech: str = "wav2vec2"
    audio_scale: float = 1.5


@flax.struct.dataclass
class Inputs:
    """What the model sees beside the noisy motion and the step; everything normalised.

    Attributes:
      previous_motion: (b, p, 70).
      speech: (b, p + t, f).
      identity: (b, 63).
      emotion: weights times intensity per frame, (b, p + t, 8); zeros: none asked for.
      has_speech, has_previous: (b,) False for the null condition.
      valid: (b, t) False for the window's frames past the clip's end; None: there are none.
    """

    # Any: JAX builds this class with tracers, shapes and axis numbers in the arrays' places.
    previous_motion: Any
    speech: Any
    identity: Any
    emotion: Any
    has_speech: Any
    has_previous: Any
    valid: Any = None


def example_inputs(config: MotionDenoiserConfig, batch: int = 1) -> tuple[Array, Array, Inputs]:
    """Zeros of the right shapes: noisy motion, step, conditions."""
    w = config.window
    inputs = Inputs(
        previous_motion=jnp.zeros((batch, w.previous, MOTION_SIZE)),
        speech=jnp.zeros((batch, w.total, config.speech_size)),
        identity=jnp.zeros((batch, config.identity_size)),
        emotion=jnp.zeros((batch, w.total, len(EMOTIONS))),
        has_speech=jnp.ones(batch, bool),
        has_previous=jnp.ones(batch, bool),
        valid=jnp.ones((batch, w.length), bool),
    )
    return jnp.zeros((batch, w.length, MOTION_SIZE)), jnp.zeros(batch, jnp.int32), inputs


def init_generator(config: MotionDenoiserConfig, key: PRNGKeyArray) -> dict[str, Any]:
    """Initial parameters of the motion denoiser (stage 1)."""
    motion, step, inputs = example_inputs(config)
    return MotionDenoiser(config).init(key, *_stage1_arguments(motion, step, inputs))["params"]


def init_emotion(config: MotionModelConfig, key: PRNGKeyArray) -> dict[str, Any]:
    """Initial parameters of the emotion controller (stage 2)."""
    _, step, inputs = example_inputs(config.generator)
    hidden = jnp.zeros((1, config.generator.window.total, config.generator.width))
    return EmotionController(config.emotion).init(key, hidden, inputs.emotion, step)["params"]


def output(
    config: MotionModelConfig,
    params: dict[str, Any],
    motion: Float[Array, "b t 70"],
    step: Int[Array, " b"],
    inputs: Inputs,
    seeds: Seeds = None,
    precision: str | None = None,
) -> Float[Array, "b t 70"]:
    """What the networks output; with "emotion" among the parameters the controller stands between.

    Args:
      seeds: one a row, turns the generator's dropout on.
      precision: "bfloat16" computes in it, on a copy of the parameters; statistics of norms,
        softmax and the result stay float32. None or "float32": as the parameters are.
    """
    if precision == "bfloat16":
        params, motion, inputs = _cast((params, motion, inputs), jnp.bfloat16)
    generator = MotionDenoiser(config.generator)
    variables = {"params": params["generator"]}
    arguments = _stage1_arguments(motion, step, inputs)
    hidden = generator.apply(variables, *arguments, seeds, method="hidden")
    expression_hidden = hidden
    if "emotion" in params:
        valid = with_previous(inputs.valid, config.generator.window.previous)
        expression_hidden = EmotionController(config.emotion).apply(
            {"params": params["emotion"]}, hidden, inputs.emotion, step, valid
        )
    result = generator.apply(variables, expression_hidden, hidden, method="heads")
    return result.astype(jnp.promote_types(result.dtype, jnp.float32))


def noise_predictor(
    config: MotionModelConfig, params: dict[str, Any], schedule: Schedule
) -> Callable[[Array, Array, Inputs], Array]:
    """(noisy motion, step (), inputs) -> noise: the interface of guidance and samplers."""

    def predict(motion, step, inputs):
        steps = jnp.broadcast_to(step, motion.shape[:1])
        raw = output(config, params, motion, steps, inputs)
        return noise_from(config.generator.prediction, raw, motion, schedule.alphas_bar[steps])

    return predict


def null_branches(inputs: Inputs, with_emotion: bool) -> Inputs:
    """Conditions of the branches of Eq. 8, stacked: none, speech, and speech + emotion if asked
    for."""
    no_emotion = jnp.zeros_like(inputs.emotion)
    branches = [
        dataclasses.replace(
            inputs, has_speech=jnp.zeros_like(inputs.has_speech), emotion=no_emotion
        ),
        dataclasses.replace(inputs, emotion=no_emotion),
    ]
    if with_emotion:
        branches.append(inputs)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *branches)


def _cast(tree, dtype):
    def cast(x):
        return x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x

    return jax.tree.map(cast, tree)


def _stage1_arguments(motion, step, inputs):
    return (
        motion, inputs.previous_motion, inputs.speech, inputs.identity, step,
        inputs.has_speech, inputs.has_previous, inputs.valid,
    )  # fmt: skip
