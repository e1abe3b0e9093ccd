"""JoyVASA's checkpoint and motion template as a weights directory, and back.

    python -m playmate_jax.converters.joyvasa_weights motion_generator.pt motion_template.pkl OUT
    python -m playmate_jax.converters.joyvasa_weights --back OUT motion_generator.pt

A checkpoint holds `args` (an argparse.Namespace), `model` (the state dict, with the speech encoder
that was trained along) and `iter`; the template holds the training set's statistics. Both are
untrusted: of the checkpoint only tensors, the namespace, paths and NumPy's scalars are unpickled,
of the template only arrays. Tensors that are computed rather than learned are kept aside, so that
going back is exact to the bit.
"""

import argparse
import contextlib
import hashlib
import pathlib
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from playmate_jax.converters import joyvasa, speech_encoders, torch_files
from playmate_jax.converters.joyvasa import BASE_ENCODER, ENCODER, SCHEDULE
from playmate_jax.converters.rules import to_flax, to_torch
from playmate_jax.errors import UserError
from playmate_jax.inference import safe_pickle
from playmate_jax.inference.joyvasa_generator import STATISTICS
from playmate_jax.models.configuration import from_values, to_values
from playmate_jax.models.joyvasa import JoyvasaConfig
from playmate_jax.models.wav2vec2 import Wav2Vec2Config
from playmate_jax.models.weights import load_unused, load_weights, save_weights

LICENCE = "JoyVASA: code MIT; weights as their model card says (huggingface.co/jdh-algo/JoyVASA)"
POSE_PARTS = ("scale", "t", "pitch", "yaw", "roll")
TEMPLATE = ("mean_exp", "std_exp", *(f"{end}_{p}" for end in ("min", "max") for p in POSE_PARTS))


def read_checkpoint(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any], int]:
    """(state dict, args as plain values, iteration) of a `.pt` file.

    Raises:
      UserError: no such file, damaged, or holding what is not allowed.
    """
    content = torch_files.read(path, _allowed())
    args = content.get("args")
    if not isinstance(args, argparse.Namespace):
        raise UserError(
            f"expected JoyVASA's checkpoint with args, model and iter in {path}, found "
            f"{', '.join(sorted(content))[:100]}: give a file of its motion_generator folder"
        )
    plain = {str(name): _plain(value) for name, value in vars(args).items()}
    return dict(torch_files.part(content, "model")), plain, int(content.get("iter", 0))


def _allowed() -> list:
    """What may be unpickled beside tensors, with the names under which files have it."""
    path = pathlib.PurePosixPath  # whatever machine wrote it: never one that touches the disk
    paths = [
        (path, f"pathlib{private}.{name}")
        for private in ("", "._local")
        for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
    ]
    scalar = np._core.multiarray.scalar  # type: ignore[attr-defined]
    types = [np.dtype, *{type(np.dtype(kind)) for kind in "?bhilqBHILQefd"}]
    numpy_names = [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    return [argparse.Namespace, *paths, *numpy_names, *types]


def _plain(value: Any) -> Any:
    """A setting as JSON can hold it."""
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, bool | int | float | str | None) else str(value)


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
    ends = [
        np.concatenate([found[f"{end}_{part}"] for part in POSE_PARTS]) for end in ("min", "max")
    ]
    values = (found["mean_exp"], found["std_exp"], *ends)
    return dict(zip(STATISTICS, values, strict=True))


def convert(
    checkpoint: str | Path,
    template: str | Path,
    directory: str | Path,
    encoder: Wav2Vec2Config = BASE_ENCODER,
    position_row: bool = True,
) -> Path:
    """Writes the weights directory of a checkpoint and its motion template.

    Args:
      encoder, position_row: as in `joyvasa.config_of`.

    Raises:
      UserError: a file is missing, damaged, or of another network.
    """
    state, args, iteration = read_checkpoint(checkpoint)
    statistics = read_template(template)
    old = {ENCODER + name: ENCODER + new for name, new in speech_encoders.SPELLINGS.items()}
    spelled_old = any(name in state for name in old)
    state = {old.get(name, name): value for name, value in state.items()}
    config = joyvasa.config_of(args, state, encoder, position_row)
    leaves, kept = to_flax(joyvasa.table(config), state, joyvasa.all_leaf_shapes(config))
    _check_schedule(config, kept, checkpoint)
    card = {
        "name": "joyvasa",
        "title": "JoyVASA's motion generator",
        "domain": "photographs",
        "licence": LICENCE,
        "source_sha256": {
            Path(path).name: hashlib.sha256(Path(path).read_bytes()).hexdigest()
            for path in (checkpoint, template)
        },
        "versions": {name: version(name) for name in ("playmate-jax", "torch")},
        "iteration": iteration,
        "args": args,
        "old_weight_norm_names": spelled_old,
    }
    params = unflatten_dict(leaves, sep="/") | {"statistics": statistics}
    values = {"kind": "joyvasa", **to_values(config)}
    return save_weights(directory, values, params, card, unused=kept)


def convert_back(directory: str | Path, checkpoint: str | Path) -> Path:
    """The inverse of `convert`: a checkpoint that the original code loads.

    Raises:
      UserError: not JoyVASA's generator, or other parameters than it has.
    """
    values, params, card = load_weights(directory)
    if values.pop("kind", None) != "joyvasa":
        raise UserError(f"expected JoyVASA's weights in {directory}, found others: give its folder")
    config = from_values(JoyvasaConfig, values, f"{directory}/config.json")
    networks = {name: params.get(name, {}) for name in ("encoder", "motion")}
    state = to_torch(joyvasa.table(config), flatten_dict(networks, sep="/"), load_unused(directory))
    if card.get("old_weight_norm_names"):
        new = {ENCODER + name: ENCODER + old for old, name in speech_encoders.SPELLINGS.items()}
        state = {new.get(name, name): value for name, value in state.items()}
    args = argparse.Namespace(**card.get("args", {}))
    return torch_files.write(
        checkpoint, {"args": args, "model": state, "iter": card.get("iteration", 0)}
    )


def _check_schedule(config: JoyvasaConfig, kept: Mapping, checkpoint: str | Path) -> None:
    """The original generates with the schedule in the file: ours has to be the same."""
    for name, ours in joyvasa.schedule_buffers(config.denoiser).items():
        theirs = kept.get(SCHEDULE + name)
        # The original cumulates in float32: 50 to 500 roundings.
        if theirs is not None and (
            theirs.shape != ours.shape or not np.allclose(theirs, ours, rtol=1e-3, atol=1e-5)
        ):
            raise UserError(
                f"expected the {config.denoiser.schedule} schedule of "
                f"{config.denoiser.n_diffusion_steps} steps that the args of {checkpoint} name, "
                f"found other values in {SCHEDULE}{name}: the file does not fit together"
            )


def main(arguments: list[str] | None = None) -> int:
    """Command line; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("paths", nargs="+", help="checkpoint, template and folder to write")
    parser.add_argument("--back", action="store_true", help="from a weights folder to a .pt")
    options = parser.parse_args(arguments)
    wanted = 2 if options.back else 3
    if len(options.paths) != wanted:
        parser.error(f"expected {wanted} paths, found {len(options.paths)}")
    try:
        (convert_back if options.back else convert)(*options.paths)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"written: {options.paths[-1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
