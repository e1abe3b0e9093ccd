"""JoyVASA's configuration, from a checkpoint's `args` and the shapes of its tensors.

Sizes come from the tensors, as the original code ignores some of `args` (layers, the indicator);
the noise schedule and the prediction target come from `args`.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from playmate_jax.converters.joyvasa.rules import (
    ENCODER,
    NETWORK,
    STATISTICS_PREFIX,
    TEMPLATE_FILE,
)
from playmate_jax.converters.sizes import Shapes, count, part
from playmate_jax.converters.wav2vec2 import config as speech
from playmate_jax.errors import UserError
from playmate_jax.models.joyvasa import SCHEDULES, DenoiserConfig, JoyvasaConfig
from playmate_jax.models.wav2vec2 import Wav2Vec2Config
from playmate_jax.motion.layout import MOTION_SIZE
from playmate_jax.motion.windows import WindowConfig

BASE_ENCODER = Wav2Vec2Config()  # the size of every published one
PREDICTIONS = {"sample": "x0", "noise": "noise"}
AUDIO_MODELS = ("wav2vec2", "hubert", "hubert_zh", "hubert_zh_ori")


def sizes(found: Shapes) -> JoyvasaConfig:
    """Configuration from shapes: sizes, but not heads, noise schedule or prediction target."""
    encoder = speech.sizes(part(found, ENCODER.removesuffix(".")))
    return JoyvasaConfig(_denoiser_sizes({}, found), encoder)


def config_of(metadata: Mapping[str, Any], found: Shapes) -> JoyvasaConfig:
    """Our configuration from a checkpoint's `args` and the shapes of its tensors.

    Raises:
      UserError: a variant that is not there, or no motion template.
    """
    args = metadata.get("args", {})
    wanted = {
        "motion_feat_dim": (MOTION_SIZE,), "fps": (25,), "architecture": ("decoder",),
        "audio_model": AUDIO_MODELS, "target": tuple(PREDICTIONS),
        "diff_schedule": tuple(SCHEDULES),
    }  # fmt: skip
    for name, values in wanted.items():
        if args.get(name, values[0]) not in values:
            raise UserError(
                f"expected {name} among {', '.join(map(str, values))} in the checkpoint's args, "
                f"found {args[name]!r}: this variant is not supported"
            )
    if not any(name.startswith(STATISTICS_PREFIX) for name in found):
        raise UserError(
            f"expected {TEMPLATE_FILE} beside JoyVASA's checkpoint, found none: give the folder "
            "that holds its motion_generator and motion_template"
        )
    normed = f"{ENCODER}feature_projection.layer_norm.weight" in found
    return JoyvasaConfig(
        _denoiser_sizes(args, found),
        dataclasses.replace(BASE_ENCODER, projection_norm=normed),
        PREDICTIONS[args.get("target", "sample")],
    )


def _denoiser_sizes(args: Mapping[str, Any], found: Shapes) -> DenoiserConfig:
    """Sizes by the tensors, by `args` where there are none, then the original's class's."""
    base = DenoiserConfig()
    rows, columns = found.get(f"{NETWORK}feature_proj.weight", (base.width, MOTION_SIZE))
    widened = found.get(f"{NETWORK}transformer.layers.0.linear1.weight")
    tokens = found.get(f"{NETWORK}alignment_mask")
    start = found.get("start_motion_feat")
    steps = found.get(f"{NETWORK}TE.pe")
    previous = start[1] if start else int(args.get("n_prev_motions", base.window.previous))
    length = int(args.get("n_motions", base.window.length))
    layers = count(found, re.escape(f"{NETWORK}transformer.layers.") + r"(\d+)\.")
    return DenoiserConfig(
        width=rows,
        layers=layers or base.layers,
        mlp_ratio=widened[0] // rows if widened else base.mlp_ratio,
        window=WindowConfig(tokens[0] - previous if tokens else length, previous),
        indicator=columns == MOTION_SIZE + 1,
        schedule=args.get("diff_schedule", base.schedule),
        n_diffusion_steps=steps[1] - 1
        if steps
        else int(args.get("n_diff_steps", base.n_diffusion_steps)),
    )


def args_of(config: JoyvasaConfig) -> dict[str, Any]:
    """The `args` that the original builds its network from."""
    denoiser = config.denoiser
    theirs = {ours: name for name, ours in PREDICTIONS.items()}
    return {
        "target": theirs[config.prediction],
        "architecture": "decoder",
        "motion_feat_dim": MOTION_SIZE,
        "fps": 25,
        "n_motions": denoiser.window.length,
        "n_prev_motions": denoiser.window.previous,
        "audio_model": "hubert",
        "feature_dim": denoiser.width,
        "n_diff_steps": denoiser.n_diffusion_steps,
        "diff_schedule": denoiser.schedule,
        "use_indicator": denoiser.indicator,
        "pad_mode": "zero",
    }
