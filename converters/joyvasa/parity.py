"""How JoyVASA's recordings were made: one pass of the denoiser, its schedules, its padding."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.configuration import from_values
from playmate_jax.converters.golden import Outputs, Reference
from playmate_jax.converters.joyvasa import rules
from playmate_jax.converters.rules import Rule
from playmate_jax.diffusion.schedule import posterior_variance
from playmate_jax.models.joyvasa import SCHEDULES, Denoiser, DenoiserConfig
from playmate_jax.models.speech import padded
from playmate_jax.motion.layout import MOTION_SIZE

STEPS = (3, 41)
SCHEDULE_STEPS = 50
PADDED = (640, 16_000, 63_999, 64_000)
# The authors' corrected code made the recording.
RECORDED = DenoiserConfig(indicator=True, position_row=False)
_PART = "params/denoiser/"


def outputs(reference: Reference) -> Outputs:
    """The denoiser on two windows, the second with its last fifth unreal; then the tables."""
    config = from_values(
        DenoiserConfig, reference.configs.get("joyvasa_denoiser", dataclasses.asdict(RECORDED))
    )
    table = [rule for rule in rules.denoiser_table(config) if isinstance(rule, Rule)]
    leaves = rules.leaf_shapes(config)
    shapes = {
        f"params/{name.removeprefix(_PART)}": shape
        for name, shape in leaves.items()
        if name.startswith(_PART)
    }
    variables = reference.convert("joyvasa_denoiser", table, shapes)
    length, previous, width = config.window.length, config.window.previous, config.width
    sizes = {
        "motion": (length, MOTION_SIZE), "audio": (length, width),
        "prev_motion": (previous, MOTION_SIZE), "prev_audio": (previous, width),
    }  # fmt: skip
    inputs = [jnp.asarray(reference.input(name, (2, *size))) for name, size in sizes.items()]
    real = np.ones((2, length), np.float32)
    real[1, -(length // 5) :] = 0
    denoise = jax.jit(Denoiser(config).apply)
    yield "joyvasa.denoiser", np.asarray(denoise(variables, *inputs, jnp.array(STEPS), real))
    for name, schedule in SCHEDULES.items():
        bars = np.append(1.0, schedule(SCHEDULE_STEPS).alphas_bar)  # beta_0 = 0
        yield f"joyvasa.schedule.{name}/alpha_bars", bars
        sigmas = np.sqrt(posterior_variance(bars[1:], bars[:-1]))
        yield f"joyvasa.schedule.{name}/sigmas_inflex", np.append(0.0, sigmas)
    for samples in PADDED:
        yield f"joyvasa.pad_audio.{samples}/length", np.array(padded(np.zeros((1, samples))).shape)


PORTS = {"joyvasa_denoiser": outputs}
