"""How JoyVASA's generator runs on both sides, and a size small enough for a recording."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from playmate_jax.converters.layer_outputs import Run, modules_of, reference
from playmate_jax.converters.synthetic_weights import inputs
from playmate_jax.converters.wav2vec2.run import TINY as TINY_SPEECH
from playmate_jax.models.joyvasa import DenoiserConfig, Joyvasa, JoyvasaConfig
from playmate_jax.models.speech import at_video_rate
from playmate_jax.models.wav2vec2 import Wav2Vec2, Wav2Vec2Config
from playmate_jax.motion.layout import MOTION_SIZE
from playmate_jax.motion.windows import WindowConfig

TINY = JoyvasaConfig(
    denoiser=DenoiserConfig(
        width=24, layers=2, heads=4, mlp_ratio=2, window=WindowConfig(12, 4), indicator=True,
        n_diffusion_steps=6,
    ),
    encoder=TINY_SPEECH,
)  # fmt: skip


def runs(config: JoyvasaConfig) -> list[Run]:
    """A first window without speech and with it, as guidance asks for both."""
    length = config.denoiser.window.length
    drawn = inputs(
        audio=((1, samples(config.encoder, 2 * length)), "normal"),
        motion=((1, length, MOTION_SIZE), "normal"),
    )

    def made_inputs() -> list[np.ndarray]:
        return [*drawn(), np.array([config.denoiser.n_diffusion_steps // 2], np.int32)]

    position = "audio_encoder.encoder.pos_conv_embed"
    heard_at = {f"{position}.conv": position}
    for i in range(config.denoiser.layers):
        for name in ("self_attn", "multihead_attn"):  # PyTorch never calls their projections
            attention = f"denoising_net.transformer.layers.{i}.{name}"
            heard_at[f"{attention}.out_proj"] = attention
    made = reference("joyvasa.reference", "JoyvasaReference", config)
    return [Run("", made, layers(config), made_inputs, heard_at)]


def layers(config: JoyvasaConfig) -> Callable[..., dict[str, Any]]:
    """Speech through its encoder and map, then the denoiser, with every layer's output kept."""

    def run(variables: Mapping[str, Any], audio: Any, motion: Any, step: Any) -> dict[str, Any]:
        kept = {"capture_intermediates": True, "mutable": ["intermediates"]}
        states, encoded = Wav2Vec2(config.encoder).apply(variables["encoder"], audio, **kept)
        network, own = Joyvasa(config.denoiser), variables["motion"]
        features = at_video_rate(states[-1][0])[None]
        speech, mapped = network.apply(own, features, method="speech", **kept)
        learned = own["params"]
        both = jnp.concatenate([jnp.broadcast_to(learned["no_speech"], speech.shape), speech])
        inputs = (motion, both, learned["start_motion"], learned["start_speech"], step)
        twice = [jnp.broadcast_to(x, (2, *x.shape[1:])) for x in inputs[:-1]]
        made, denoised = network.apply(own, *twice, jnp.repeat(step, 2), **kept)
        found = modules_of(encoded, "encoder/") | modules_of(mapped, "motion/")
        return found | modules_of(denoised, "motion/") | {"": [made]}

    return run


def samples(config: Wav2Vec2Config, rows: int) -> int:
    """The least number of samples that gives that many rows."""
    for kernel, stride in zip(reversed(config.kernels), reversed(config.strides), strict=True):
        rows = (rows - 1) * stride + kernel
    return rows
