"""JoyVASA's generator behind the pipeline's protocol: its own speech encoder, its own diffusion.

As its authors generate: 80 ms of silence in front and 40 ms behind; windows one after the other,
each from the same noise, with the last frames and the last speech of the one before; ancestral
sampling over the whole chain, guided away from no speech; the head's motion smoothed by a slow
EMA. What comes out is the motion of a template's head, and moves the portrait as its
authors' pipeline does: pose and expression as changes from the template's first frame, lips as they
are. That first frame is silent, so it stands for the portrait at rest.

Two departures. The frames made of the silence in front are dropped, so that lips meet their sounds;
the authors show them and keep the sound where it was, 80 ms early. And displacements are not
enlarged afterwards (their command line does so by 1.1).

Other samplers work with the same network, in fewer steps.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from playmate_jax.configuration import from_values
from playmate_jax.diffusion.forward import noise_from
from playmate_jax.diffusion.guidance import guided
from playmate_jax.diffusion.samplers import SAMPLERS
from playmate_jax.errors import UserError, nearest
from playmate_jax.hub.weights import check_tree
from playmate_jax.inference.motion_generator import Progress, Request
from playmate_jax.inference.reenactment import reenact, towards
from playmate_jax.models import joyvasa, wav2vec2
from playmate_jax.models.joyvasa import SCHEDULES, Joyvasa, JoyvasaConfig
from playmate_jax.models.pretrained_speech import PretrainedSpeech, SpeechConfig
from playmate_jax.motion.layout import (
    EXPRESSION,
    LIP_KEYPOINTS,
    MOTION_SIZE,
    POSE,
    SAMPLES_PER_FRAME,
    unpack,
)

SILENT_FRAMES = 2  # in front of the speech
SILENT_SAMPLES = (SILENT_FRAMES * SAMPLES_PER_FRAME, SAMPLES_PER_FRAME)
DEFAULT_STEPS = {"ddim": 25, "dpm++": 20}  # ddpm: all

# What a motion template's statistics hold, and how many numbers of each.
STATISTICS = {"expression_mean": 63, "expression_std": 63, "pose_low": 7, "pose_high": 7}


class JoyvasaGenerator:
    """`MotionGenerator` over JoyVASA's networks.

    Args:
      params: "encoder" and "motion" (variables), "statistics".
    """

    def __init__(self, config: JoyvasaConfig, params: Mapping[str, Any]):
        self.config = config
        self._variables = jax.device_put(params["motion"])
        self._statistics = params["statistics"]
        # A window of speech is one chunk, of one shape.
        self._encoder = PretrainedSpeech(
            SpeechConfig(config.encoder, "its own", normalize=False),
            params["encoder"],
            chunk=2 * config.denoiser.window.length,
        )

    def with_defaults(self, request: Request) -> Request:
        """The request with JoyVASA's own sampler, steps and guidance where none is given."""
        asked = request.with_defaults(sampler="ddpm", audio_scale=self.config.audio_scale)
        whole = self.config.denoiser.n_diffusion_steps
        return asked.with_defaults(steps=min(DEFAULT_STEPS.get(str(asked.sampler), whole), whole))

    def __call__(
        self, audio: Float[np.ndarray, "s"], request: Request, progress: Progress
    ) -> Float[np.ndarray, "t 70"]:
        if request.emotion is not None:
            raise UserError(
                "expected no emotion for JoyVASA's generator, which takes it from the speech "
                "alone, found one: leave the emotion out or choose another generator"
            )
        made = smoothed_pose(self.head(audio, request, progress), self.config.smoothing)
        count = -(-len(audio) // SAMPLES_PER_FRAME)
        moved = moved_portrait(made, request.own, request.head_motion)
        return moved[SILENT_FRAMES : SILENT_FRAMES + count]

    def head(
        self, audio: Float[np.ndarray, "s"], request: Request, progress: Progress
    ) -> Float[np.ndarray, "t 70"]:
        """Motion of the template's head, not smoothed, the silent frames included."""
        request = self.with_defaults(request)
        sampler = str(request.sampler)
        if sampler not in SAMPLERS:
            raise UserError(
                f"expected a sampler among {', '.join(SAMPLERS)}, found {sampler!r}"
                f"{nearest(sampler, SAMPLERS)}"
            )
        c = self.config.denoiser
        length = c.window.length
        n_frames = -(-len(audio) // SAMPLES_PER_FRAME)
        audio = np.pad(np.asarray(audio, np.float32), SILENT_SAMPLES)
        count = len(audio) // SAMPLES_PER_FRAME
        total = -(-count // length) * length
        audio = np.pad(audio, (0, max(0, total * SAMPLES_PER_FRAME - len(audio))))

        noise_key, key = jax.random.split(jax.random.key(request.seed))
        noise = jax.random.normal(noise_key, (1, length, MOTION_SIZE))
        learned = self._variables["params"]
        past = learned["start_motion"], learned["start_speech"]
        windows = []
        for start in range(0, total, length):
            heard = audio[start * SAMPLES_PER_FRAME : (start + length) * SAMPLES_PER_FRAME]
            real = (np.arange(start, start + length) < count).astype(np.float32)
            features = self._encoder(heard)
            motion, past = _sample_window(
                self.config, sampler, request.steps, self._variables,
                jax.random.fold_in(key, start), noise, features[None], past, real[None],
                np.float32(request.audio_scale),
            )  # fmt: skip
            windows.append(np.asarray(motion[0]))
            progress(min(start + length, n_frames), n_frames)
        return self._in_units(np.concatenate(windows)[:count])

    def _in_units(self, motion: Float[np.ndarray, "t 70"]) -> Float[np.ndarray, "t 70"]:
        """Expression from units of its std, pose from [0, 1] between the least and the most."""
        s = self._statistics
        expression = motion[:, EXPRESSION] * s["expression_std"] + s["expression_mean"]
        pose = motion[:, POSE] * (s["pose_high"] - s["pose_low"]) + s["pose_low"]
        return np.concatenate([expression, pose], -1).astype(np.float32)


def smoothed_pose(
    motion: Float[np.ndarray, "t 70"], weight: float | None
) -> Float[np.ndarray, "t 70"]:
    """The pose as an EMA in which every new frame has this weight."""
    motion = motion.copy()
    if weight is not None:
        pose = motion[:, POSE]  # a view
        for i in range(1, len(pose)):
            pose[i] = weight * pose[i] + (1 - weight) * pose[i - 1]
    return motion


def moved_portrait(
    head: Float[np.ndarray, "t 70"], own: Float[np.ndarray, "70"], head_motion: float = 1.0
) -> Float[np.ndarray, "t 70"]:
    """The portrait's motion when it does what another head did after its first frame.

    Pose and expression as `reenact` has them; lips are the other head's.
    """
    moved = reenact(head, own)
    moved[:, POSE] = towards(own, moved, head_motion)[:, POSE]
    lips = list(LIP_KEYPOINTS)
    unpack(moved)["expression"][:, lips] = unpack(head)["expression"][:, lips]  # a view
    return moved


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _sample_window(config, sampler, n_steps, variables, key, noise, features, past, real, scale):
    """A window of the template's motion, and what the next window sees of it."""
    schedule = SCHEDULES[config.denoiser.schedule](config.denoiser.n_diffusion_steps)
    network, window = Joyvasa(config.denoiser), config.denoiser.window
    speech = network.apply(variables, features, method="speech")
    none = jnp.broadcast_to(variables["params"]["no_speech"], speech.shape)
    twice = lambda x: jnp.broadcast_to(x, (2, *x.shape))  # noqa: E731
    branches = {
        "speech": jnp.stack([none, speech]),
        "motion_before": twice(past[0]),
        "speech_before": twice(past[1]),
        "real": twice(real),
    }

    def predict(x, step, given):
        made = network.apply(
            variables, x, given["speech"], given["motion_before"], given["speech_before"],
            jnp.full(len(x), step + 1), given["real"],
        )  # fmt: skip
        clean = made[:, -window.length :]
        return noise_from(config.prediction, clean, x, schedule.alphas_bar[step])

    motion = SAMPLERS[sampler](
        guided(predict, branches, scale[None]), key, noise, schedule, n_steps=n_steps
    )
    return motion, (motion[:, -window.previous :], speech[:, -window.previous :])


def load(
    config: Mapping[str, Any], params: Mapping[str, Any], card: Mapping[str, Any], directory: Path
) -> JoyvasaGenerator:
    """From a loaded weights directory.

    Raises:
      UserError: not these networks; names every difference.
    """
    values = {name: value for name, value in config.items() if name != "kind"}
    sizes = from_values(JoyvasaConfig, values, f"{directory}/config.json")
    of = jax.ShapeDtypeStruct
    expected = {
        "encoder": wav2vec2.shapes(sizes.encoder),
        "motion": joyvasa.shapes(sizes.denoiser, sizes.encoder.width),
        "statistics": {name: of((n,), np.float32) for name, n in STATISTICS.items()},
    }
    check_tree(params, expected, f"JoyVASA's weights in {directory}")
    return JoyvasaGenerator(sizes, params)
