"""Files beside JoyVASA's tensors: the motion template, and the original's own checkpoints.

A checkpoint holds `args` (an argparse.Namespace), `model` (the state dict, with the speech encoder
that was trained along) and `iter`; the template, a pickle, holds the training set's statistics. It
is read without running anything and never written: an export has the statistics among its tensors,
where the original code does not look.
"""

import argparse
import contextlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from playmate_jax.configuration import from_values
from playmate_jax.converters import torch_files
from playmate_jax.converters.family import Layout
from playmate_jax.converters.joyvasa.config import args_of
from playmate_jax.converters.joyvasa.rules import ENCODER, STATISTICS_PREFIX, TEMPLATE_FILE
from playmate_jax.converters.sizes import part
from playmate_jax.converters.state_files import Checkpoint, Progress, below, checkpoint_of
from playmate_jax.converters.wav2vec2.rules import SPELLINGS
from playmate_jax.errors import UserError
from playmate_jax.hub import safe_pickle
from playmate_jax.inference.joyvasa_generator import STATISTICS
from playmate_jax.models.joyvasa import JoyvasaConfig

GENERATOR = "motion_generator/*.pt"  # as JoyVASA is published
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


def card_fields(names: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a checkpoint that a card keeps, for `content`."""
    if "args" not in metadata:
        return {}
    return {
        "iteration": metadata.get("iteration", 0),
        "args": metadata["args"],
        "old_weight_norm_names": any(ENCODER + old in names for old in SPELLINGS),
    }


def content(state: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What a file holds that the original code loads, and the statistics besides."""
    card = metadata["card"]
    config = {name: value for name, value in metadata["config"].items() if name != "kind"}
    args = card.get("args") or args_of(from_values(JoyvasaConfig, config))
    old = {}
    if card.get("old_weight_norm_names"):
        old = {ENCODER + new: ENCODER + name for name, new in SPELLINGS.items()}
    statistics = part(state, STATISTICS_PREFIX.removesuffix("."))
    own = {k: v for k, v in state.items() if not k.startswith(STATISTICS_PREFIX)}
    return {
        "args": argparse.Namespace(**args),
        "model": {old.get(name, name): value for name, value in own.items()},
        "iter": card.get("iteration", 0),
        "statistics": statistics,
        **metadata,
    }


def recognises(folder: Path) -> bool:
    """Whether a generator's checkpoint or a motion template lies below a folder."""
    return bool(below(folder, GENERATOR) or below(folder, TEMPLATE_FILE))


def read(folder: Path, progress: Progress) -> Checkpoint:
    """The one checkpoint, and the template wherever below the folder it lies.

    Raises:
      UserError: no checkpoint, or several of either.
    """
    progress("read", 0, 1)
    generators = below(folder, GENERATOR) or below(folder, "*.pt")
    templates = below(folder, TEMPLATE_FILE)
    for what, paths, fewest in ((GENERATOR, generators, 1), (TEMPLATE_FILE, templates, 0)):
        if not fewest <= len(paths) <= 1:
            raise UserError(
                f"expected one {what} of JoyVASA under {folder}, found {len(paths) or 'none'}: "
                "give a folder with one checkpoint and its template"
            )
    values = torch_files.read(generators[0])
    found = checkpoint_of(generators[0], values)
    found = _with_statistics(found, values, templates[0] if templates else None)
    progress("read", 1, 1)
    return replace(found, path=folder)


def complete(found: Checkpoint, values: Mapping[str, Any]) -> Checkpoint:
    """A training's checkpoint with the statistics of its motion template, which our exports hold
    and which otherwise lies beside the checkpoint, or where it is published."""
    if "args" not in found.metadata:
        return found
    places = (found.path.parent, found.path.parent.parent / "motion_template")
    templates = (place / TEMPLATE_FILE for place in places)
    return _with_statistics(found, values, next((x for x in templates if x.is_file()), None))


def _with_statistics(
    found: Checkpoint, values: Mapping[str, Any], template: Path | None
) -> Checkpoint:
    """The statistics among the tensors, from the file's own or from the template."""
    if any(name.startswith(STATISTICS_PREFIX) for name in found.state):
        return found
    files = dict(found.files)
    if isinstance(own := values.get("statistics"), Mapping):
        statistics = dict(own)
    elif template is not None:
        statistics, files[template.name] = read_template(template), template
    else:
        return found
    state = found.state | {f"{STATISTICS_PREFIX}{k}": v for k, v in statistics.items()}
    return replace(found, state=state, files=files)


LAYOUT = Layout(recognises, read, complete=complete)
