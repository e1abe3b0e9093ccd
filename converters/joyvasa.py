"""JoyVASA's motion generator: tables between its state dict and `models/joyvasa.py`.

Sizes come from a checkpoint's `args`; what `args` say and the original never passed on (layers, the
indicator) comes from the tensors.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict

from playmate_jax.converters import speech_encoders
from playmate_jax.converters.rules import (
    IDENTITY,
    LINEAR,
    Ignored,
    Rule,
    Table,
    dense,
    layer_norm,
    prefixed,
    under,
)
from playmate_jax.diffusion.schedule import posterior_variance
from playmate_jax.errors import UserError
from playmate_jax.models.joyvasa import (
    SCHEDULES,
    DenoiserConfig,
    JoyvasaConfig,
    alignment,
    shapes,
    sinusoids,
)
from playmate_jax.models.wav2vec2 import Wav2Vec2Config
from playmate_jax.motion.layout import MOTION_SIZE
from playmate_jax.motion.windows import WindowConfig

BASE_ENCODER = Wav2Vec2Config()  # the size of every published one
AUDIO_MODELS = ("wav2vec2", "hubert", "hubert_zh", "hubert_zh_ori")
TABLE_ROWS = 600  # of the positional table that checkpoints hold
ENCODER, SCHEDULE = "audio_encoder.", "diffusion_sched."
_NETWORK = "denoising_net."
_LAYER_NORMS = ("norm_motion", "norm_speech", "norm")


def table(config: JoyvasaConfig) -> Table:
    """The whole of DitTalkingHead, in PyTorch's order of names."""
    rules: Table = [
        Rule(f"{theirs}_feat", f"motion/params/{ours}", IDENTITY)
        for theirs, ours in (
            ("start_audio", "start_speech"), ("start_motion", "start_motion"),
            ("null_audio", "no_speech"),
        )
    ]  # fmt: skip
    rules += under("encoder/", prefixed(ENCODER, speech_encoders.table(config.encoder)))
    rules += under("motion/", dense("audio_feature_map", "speech_map"))
    rules += under("motion/", denoiser_table(config.denoiser, _NETWORK, "denoiser/"))
    buffers = schedule_buffers(config.denoiser)
    return rules + [Ignored(f"{SCHEDULE}{name}", value) for name, value in buffers.items()]


def denoiser_table(config: DenoiserConfig, source: str = "", target: str = "") -> Table:
    """DenoisingNetwork in PyTorch's order of names, computed tables among them."""
    rules: Table = []
    tokens, d = config.window.total, config.width
    if config.align_width > 0:
        rules += [Ignored(f"{source}alignment_mask", ~alignment(tokens, config.align_width))]
    rules += [Ignored(f"{source}TE.pe", sinusoids(config.n_diffusion_steps + 1, d)[None])]
    rules += dense(f"{source}diff_step_map.0", f"{target}step_in")
    rules += dense(f"{source}diff_step_map.2", f"{target}step_out")
    rules += [Ignored(f"{source}PE.pe", sinusoids(TABLE_ROWS, d)[None])]
    rules += dense(f"{source}feature_proj", f"{target}project")
    for i in range(config.layers):
        theirs, ours = f"{source}transformer.layers.{i}", f"{target}layer_{i}"
        rules += _attention(f"{theirs}.self_attn", f"{ours}/motion")
        rules += _attention(f"{theirs}.multihead_attn", f"{ours}/speech")
        rules += dense(f"{theirs}.linear1", f"{ours}/widen")
        rules += dense(f"{theirs}.linear2", f"{ours}/narrow")
        for j, norm in enumerate(_LAYER_NORMS, 1):
            rules += layer_norm(f"{theirs}.norm{j}", f"{ours}/{norm}")
    rules += dense(f"{source}motion_dec.0", f"{target}motion_in")
    rules += dense(f"{source}motion_dec.2", f"{target}motion_out")
    return rules


def _attention(source: str, target: str) -> Table:
    return [
        Rule(f"{source}.in_proj_weight", f"params/{target}/kernel", LINEAR),
        Rule(f"{source}.in_proj_bias", f"params/{target}/bias", IDENTITY),
        *dense(f"{source}.out_proj", f"{target}/out"),
    ]


def leaf_shapes(config: DenoiserConfig, speech_size: int = 768) -> dict[str, tuple[int, ...]]:
    """Every leaf of `Joyvasa`'s variables and its shape."""
    leaves = flatten_dict(shapes(config, speech_size), sep="/")
    return {name: leaf.shape for name, leaf in leaves.items()}


def all_leaf_shapes(config: JoyvasaConfig) -> dict[str, tuple[int, ...]]:
    """Every leaf that `table` fills, and its shape."""
    motion = leaf_shapes(config.denoiser, config.encoder.width)
    encoder = speech_encoders.leaf_shapes(config.encoder)
    return {f"motion/{name}": shape for name, shape in motion.items()} | {
        f"encoder/{name}": shape for name, shape in encoder.items()
    }


def schedule_buffers(config: DenoiserConfig) -> dict[str, np.ndarray]:
    """The schedule as checkpoints hold it: beta_0 = 0 in front, in float32."""
    bars = np.asarray(SCHEDULES[config.schedule](config.n_diffusion_steps).alphas_bar, np.float64)
    bars = np.append(1.0, bars)
    alphas = np.append(1.0, bars[1:] / bars[:-1])
    inflexible = np.append(0.0, np.sqrt(posterior_variance(bars[1:], bars[:-1])))
    buffers = {
        "betas": 1 - alphas, "alphas": alphas, "alpha_bars": bars,
        "sigmas_flex": np.sqrt(1 - alphas), "sigmas_inflex": inflexible,
    }  # fmt: skip
    return {name: value.astype(np.float32) for name, value in buffers.items()}


def config_of(
    args: Mapping[str, Any],
    state: Mapping[str, np.ndarray],
    encoder: Wav2Vec2Config = BASE_ENCODER,
    position_row: bool = True,
) -> JoyvasaConfig:
    """Our configuration from a checkpoint's `args` and the shapes of its tensors.

    Args:
      encoder: the speech encoder's sizes.
      position_row: see `models/joyvasa.py`; False for weights trained after the correction.

    Raises:
      UserError: a variant that is not there.
    """
    wanted = {
        "motion_feat_dim": (MOTION_SIZE,), "fps": (25,), "architecture": ("decoder",),
        "audio_model": AUDIO_MODELS, "target": ("sample", "noise"),
        "diff_schedule": tuple(SCHEDULES),
    }  # fmt: skip
    for name, values in wanted.items():
        if args.get(name, values[0]) not in values:
            raise UserError(
                f"expected {name} among {', '.join(map(str, values))} in the checkpoint's args, "
                f"found {args[name]!r}: this variant is not supported"
            )
    base = DenoiserConfig()
    width = int(args.get("feature_dim", base.width))
    layer = re.compile(re.escape(f"{_NETWORK}transformer.layers.") + r"(\d+)\.")
    layers = {int(found[1]) for name in state if (found := layer.match(name))}
    inputs = np.shape(state.get(f"{_NETWORK}feature_proj.weight", ()))
    widened = np.shape(state.get(f"{_NETWORK}transformer.layers.0.linear1.weight", ()))
    normed = f"{ENCODER}feature_projection.layer_norm.weight" in state
    denoiser = DenoiserConfig(
        width=width,
        layers=max(layers) + 1 if layers else base.layers,
        mlp_ratio=widened[0] // width if widened else base.mlp_ratio,
        window=WindowConfig(
            int(args.get("n_motions", base.window.length)),
            int(args.get("n_prev_motions", base.window.previous)),
        ),
        indicator=inputs[-1:] == (MOTION_SIZE + 1,),
        schedule=args.get("diff_schedule", base.schedule),
        n_diffusion_steps=int(args.get("n_diff_steps", base.n_diffusion_steps)),
        position_row=position_row,
    )
    return JoyvasaConfig(
        denoiser=denoiser,
        encoder=dataclasses.replace(encoder, projection_norm=normed),
        prediction={"sample": "x0", "noise": "noise"}[args.get("target", "sample")],
    )
