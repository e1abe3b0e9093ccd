"""What lies beside JoyVASA's tensors: the motion template, and the original's own checkpoints.

A checkpoint holds `args` (an argparse.Namespace), `model` (the state dict, with the speech encoder
that was trained along) and `iter`; the template, a pickle, holds the training set's statistics. It
is read without running anything and never written: an export has the statistics among its tensors,
where the original code does not look.
"""

import argparse
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from playmate_jax.configuration import from_values
from playmate_jax.converters import speech_encoders
from playmate_jax.converters.joyvasa import ENCODER, PREDICTIONS, STATISTICS_PREFIX
from playmate_jax.converters.sizes import part
from playmate_jax.errors import UserError
from playmate_jax.hub import safe_pickle
from playmate_jax.inference.joyvasa_generator import STATISTICS
from playmate_jax.models.joyvasa import JoyvasaConfig
from playmate_jax.motion.layout import MOTION_SIZE

POSE_PARTS = ("scale", "t", "pitch", "yaw", "roll")
TEMPLATE = ("mean_exp", "std_exp", *(f"{end}_{p}" for end in ("min", "max") for p in POSE_PARTS))


def read_template(path: str | Path) -> dict[str, np.ndarray]:
    """The statistics of a motion template, under our names.

    Raises:
      UserError: no template, or with statistics missing, of wrong shapes or not finite; one
        message lists all.
    """
    template = safe_pickle.load(path, "JoyVASA's motion template")
    if not isinstance(template, Mapping):
        raise UserError(
            f"expected JoyVASA's motion template in {path}, found a {type(template).__name__}: "
            "give its motion_template.pkl"
        )
    found, problems = {}, []
    for name in TEMPLATE:
        size = {"exp": 63, "t": 3}.get(name.partition("_")[2], 1)
        with contextlib.suppress(TypeError, ValueError):
            found[name] = np.asarray(template.get(name), np.float32).reshape(-1)
        if name not in template:
            problems.append(f"- {name}")
        elif name not in found or found[name].size != size or not np.isfinite(found[name]).all():
            problems.append(f"! {name} is not {size} finite numbers")
    if problems:
        lines = "\n  ".join(problems)
        raise UserError(
            f"the motion template {path} does not fit (- missing there, ! shape or value):\n"
            f"  {lines}"
        )
    ends = [np.concatenate([found[f"{end}_{p}"] for p in POSE_PARTS]) for end in ("min", "max")]
    values = (found["mean_exp"], found["std_exp"], *ends)
    return dict(zip(STATISTICS, values, strict=True))


def remembered(names: Mapping[str, Any], beside: Mapping[str, Any]) -> dict[str, Any]:
    """What a card keeps of a checkpoint, for `content`."""
    if "args" not in beside:
        return {}
    return {
        "iteration": beside.get("iteration", 0),
        "args": beside["args"],
        "old_weight_norm_names": any(ENCODER + old in names for old in speech_encoders.SPELLINGS),
    }


def content(state: Mapping[str, np.ndarray], beside: Mapping[str, Any]) -> dict[str, Any]:
    """What a file holds that the original code loads, and the statistics besides."""
    card = beside["card"]
    config = {name: value for name, value in beside["config"].items() if name != "kind"}
    args = card.get("args") or args_of(from_values(JoyvasaConfig, config))
    old = {}
    if card.get("old_weight_norm_names"):
        old = {ENCODER + new: ENCODER + name for name, new in speech_encoders.SPELLINGS.items()}
    statistics = part(state, STATISTICS_PREFIX.removesuffix("."))
    own = {k: v for k, v in state.items() if not k.startswith(STATISTICS_PREFIX)}
    return {
        "args": argparse.Namespace(**args),
        "model": {old.get(name, name): value for name, value in own.items()},
        "iter": card.get("iteration", 0),
        "statistics": statistics,
        **beside,
    }


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
