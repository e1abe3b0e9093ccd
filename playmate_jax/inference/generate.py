"""Speech features to motion: window after window, each a guided diffusion in one compiled program.

    model = load_motion_model("weights/demo/generator")
    motion = generate(model, speech (t, f), identity (63,), own (70,), emotion=(8,) or (t, 8))

Of a network that predicts clean motion the estimate at `LAST_STEP` of the schedule is the result:
passes with less noise only pull it towards what training has shown. On real recordings the jaw's
correlation with energy is .68 that way, .66 to the end; on drawn speakers lips gain up to .01, and
the head turns up to a tenth less.

Windows have one static shape, so the sampler is compiled once per (batch, sampler, steps, number of
branches) and memory does not grow with length. Each window sees the last 10 frames that were made;
its start is joined to them (motion/continuity.py) before it is fed back. Pose is de-normalised
around the portrait's own.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from playmate_jax.configuration import from_values
from playmate_jax.diffusion.guidance import guided
from playmate_jax.diffusion.samplers import SAMPLERS
from playmate_jax.errors import UserError, nearest
from playmate_jax.hub.weights import check_tree, load_weights
from playmate_jax.models.emotion import per_frame
from playmate_jax.models.motion_model import (
    Inputs,
    MotionModelConfig,
    init_emotion,
    init_generator,
    noise_predictor,
    null_branches,
)
from playmate_jax.motion.continuity import BLEND_FRAMES, joined, smoothed
from playmate_jax.motion.layout import EMOTIONS, MOTION_SIZE, POSE
from playmate_jax.motion.normalization import Statistics, bounds, denormalize
from playmate_jax.motion.windows import previous_frames, window_at, window_starts

# In std of a clip's own pose: no head in the training clips moves further.
POSE_BOUND = 8.0
LAST_STEP = 0.3
DEFAULT_STEPS = {"ddim": 15, "dpm++": 20, "ddpm": 250}


@dataclasses.dataclass(frozen=True)
class GenerateOptions:
    """How to sample.

    Attributes:
      audio_scale, emotion_scale: guidance, Eq. 8; audio_scale None takes the weights' own.
      sampler, steps: a name of `diffusion.samplers.SAMPLERS`; steps None takes `DEFAULT_STEPS`.
      head_motion: gain of the generated head motion; 0 keeps the portrait's pose.
      blend_frames: over how many frames windows are joined; the head takes twice as many.
      lookahead: frames of each window that are made again by the next, which hears what follows
        them.
      pose_smoothing: std in frames of a low-pass on head motion, which has nothing above 2 Hz.
    """

    audio_scale: float | None = None
    emotion_scale: float = 1.5
    sampler: str = "ddim"
    steps: int | None = None
    head_motion: float = 1.0
    blend_frames: int = BLEND_FRAMES
    lookahead: int = 0
    pose_smoothing: float = 1.0
    seed: int = 0

    def __post_init__(self):
        if self.sampler not in SAMPLERS:
            raise UserError(
                f"expected a sampler among {', '.join(SAMPLERS)}, found {self.sampler!r}"
                f"{nearest(self.sampler, SAMPLERS)}"
            )


@dataclasses.dataclass(frozen=True)
class MotionModel:
    """A trained model of motion, ready to generate."""

    config: MotionModelConfig
    params: dict[str, Any]
    statistics: Statistics
    card: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def motion_model(
    config: Mapping[str, Any],
    params: Mapping[str, Any],
    card: Mapping[str, Any] | None = None,
    source: str = "the weights",
) -> MotionModel:
    """The model from a weights directory's parts, checked against the configuration.

    Raises:
      UserError: the parameters are not those of the configured networks; names every difference.
    """
    values = {key: value for key, value in config.items() if key != "kind"}
    model_config = from_values(MotionModelConfig, values)
    networks = {key: params.get(key, {}) for key in ("generator", "emotion") if key in params}
    check_tree(networks, _expected(model_config), source)
    statistics = Statistics.from_tree(params.get("statistics", {}))
    # Unrolled layers pay in training; here they would only be compiled longer.
    generator = dataclasses.replace(model_config.generator, unroll=1)
    model_config = dataclasses.replace(model_config, generator=generator)
    return MotionModel(model_config, jax.device_put(networks), statistics, card or {})


def load_motion_model(directory: str | Path) -> MotionModel:
    """The model in a weights directory."""
    config, params, card = load_weights(directory)
    return motion_model(config, params, card, str(directory))


def generate(
    model: MotionModel,
    speech: Float[np.ndarray, "*b t f"],
    identity: Float[np.ndarray, "*b 63"],
    own: Float[np.ndarray, "*b 70"],
    emotion: Float[np.ndarray, "..."] | None = None,
    options: GenerateOptions = GenerateOptions(),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Float[np.ndarray, "*b t 70"]:
    """Motion of a clip, or of a batch of clips of the same length.

    Args:
      speech: features of the front end that the model was trained with.
      identity: canonical keypoints of the portrait.
      own: the portrait's own motion; the head moves around its pose.
      emotion: weights times intensity: (8,), (t, 8), with a batch (b, 8) or (b, t, 8); None skips
        the controller.
      progress: called with (frames done, frames in all).
    """
    if speech.ndim == 2:  # noqa: PLR2004
        emotion = None if emotion is None else np.asarray(emotion)[None]
        return generate(model, speech[None], identity[None], own[None], emotion, options, progress)[
            0
        ]
    windows = generate_windows(model, speech, identity, emotion, options, progress)
    normalized = np.concatenate(list(windows), 1)
    normalized[..., POSE] = smoothed(normalized[..., POSE], options.pose_smoothing)
    motion = denormalize(
        normalized, model.statistics.motion, own[:, POSE], head_motion=options.head_motion
    )
    return np.asarray(motion, np.float32)


def generate_windows(model, speech, identity, emotion, options, progress=lambda done, total: None):
    """Normalised motion as it is made, one array (b, frames, 70) per window."""
    window = model.config.generator.window
    b, n_frames = speech.shape[:2]
    speech = model.statistics.normalized_speech(np.asarray(speech, np.float32))
    identity = model.statistics.normalized_identity(np.asarray(identity, np.float32))
    asked = emotion is not None and bool(np.any(emotion)) and "emotion" in model.params
    conditions = np.zeros((b, n_frames, len(EMOTIONS)), np.float32)
    if asked:
        conditions = np.asarray(per_frame(jnp.asarray(emotion, jnp.float32), n_frames))
    key = jax.random.key(options.seed)
    audio_scale = options.audio_scale
    if audio_scale is None:
        audio_scale = model.config.audio_scale
    scales = np.array([audio_scale, options.emotion_scale], np.float32)
    limits = bounds(model.statistics.motion, POSE_BOUND)
    past = np.zeros((b, window.previous, MOTION_SIZE), np.float32)
    starts = window_starts(n_frames, window, options.lookahead)
    for i, start in enumerate(starts):
        rows, valid, _ = window_at(start, n_frames, window)
        inputs = Inputs(
            previous_motion=past,
            speech=speech[:, rows],
            identity=identity,
            emotion=conditions[:, rows],
            has_speech=np.ones(b, bool),
            has_previous=np.full(b, i > 0),
            valid=np.tile(valid, (b, 1)),
        )
        made = np.asarray(
            _sample_window(
                model.config,
                options.sampler,
                options.steps or DEFAULT_STEPS[options.sampler],
                asked,
                model.params,
                jax.random.fold_in(key, i),
                inputs,
                scales,
                limits,
            )
        )
        if i:
            made = np.clip(joined(past, made, options.blend_frames), *limits)
        end = starts[i + 1] if i + 1 < len(starts) else n_frames
        made = made[:, : end - start]
        past = previous_frames(np.concatenate([past, made], 1), window)
        progress(end, n_frames)
        yield made


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _sample_window(config, sampler, n_steps, with_emotion, params, key, inputs, scales, limits):
    """One window of normalised motion, from noise of its own."""
    noise_key, sampler_key = jax.random.split(key)
    shape = (inputs.identity.shape[0], config.generator.window.length, MOTION_SIZE)
    noise = jax.random.normal(noise_key, shape)
    return denoised(
        config, sampler, n_steps, with_emotion, params, sampler_key, noise, inputs, scales, limits
    )


def denoised(
    config: MotionModelConfig,
    sampler: str,
    n_steps: int,
    with_emotion: bool,
    params: dict[str, Any],
    key: PRNGKeyArray,
    noise: Float[Array, "b t 70"],
    inputs: Inputs,
    scales: Float[ArrayLike, "2"],
    limits: tuple[ArrayLike, ArrayLike],
) -> Float[Array, "b t 70"]:
    """Noise to the normalised motion of a window, guided (Eq. 8); to be compiled by the caller.

    Args:
      with_emotion: whether the emotion controller has a branch of its own.
      key: consumed by samplers that draw more noise.
      scales: guidance towards speech and towards the emotion.
      limits: lowest and highest normalised motion, (70,) each.
    """
    schedule = config.schedule.build()
    predict = guided(
        noise_predictor(config, params, schedule),
        null_branches(inputs, with_emotion),
        scales if with_emotion else scales[:1],
    )
    last = round(LAST_STEP * schedule.n_steps) if config.generator.prediction == "x0" else 0
    return SAMPLERS[sampler](
        predict, key, noise, schedule, n_steps=n_steps, bounds=limits, last=last
    )


def _expected(config: MotionModelConfig):
    def init():
        key = jax.random.key(0)
        tree = {"generator": init_generator(config.generator, key)}
        if config.emotion is not None:
            tree["emotion"] = init_emotion(config, key)
        return tree

    return jax.eval_shape(init)
