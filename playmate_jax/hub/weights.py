"""Weights on disk: a directory with the parameters of one network and their description.

    config.json          the network's configuration (the fields of its config dataclass)
    params.safetensors   every array, named by its path in the parameter tree, joined by "/"
    card.json            source, licence, training and measured results
    unused.safetensors   only for converted weights: tensors that the network does not read, kept so
                         that an export can write them back

Safetensors files cannot contain code, so loading a downloaded directory executes nothing. A
directory is written under a temporary name and renamed, so that an interrupted save leaves no
incomplete directory under its name.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import ml_dtypes
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from playmate_jax.errors import UserError
from playmate_jax.paths import check_names, shortened

FILES = ("config.json", "params.safetensors", "card.json")
UNUSED = "unused.safetensors"


def save_weights(
    directory: str | Path,
    config: Mapping[str, Any],
    params: Mapping[str, Any],
    card: Mapping[str, Any],
    dtype: str | None = None,
    unused: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """Writes one weights directory, replacing an earlier one of the same name.

    Args:
      directory: the directory to write; its parents are created.
      config: the network's configuration, as plain values for JSON.
      params: the parameter tree, a nested dict of arrays.
      card: its description, as plain values for JSON.
      dtype: storage type of floating-point arrays ("float16", "bfloat16"); None keeps their type.
      unused: arrays of the original checkpoint that the network does not read, by name.
    """
    directory, arrays = Path(directory), {}
    for name, value in flatten_dict(dict(params), sep="/").items():
        array = np.asarray(value)
        if dtype is not None and np.issubdtype(array.dtype, np.floating):
            array = array.astype(np.dtype(getattr(ml_dtypes, dtype, dtype)))
        arrays[name] = np.ascontiguousarray(array)
    with whole_folder(directory) as scratch:
        (scratch / "config.json").write_text(json.dumps(dict(config), indent=1) + "\n")
        save_file(arrays, scratch / "params.safetensors")
        if unused:
            save_file(dict(unused), scratch / UNUSED)
        for file in scratch.glob("*.safetensors"):
            file.chmod(0o644)  # safetensors creates files that only their owner can read
        (scratch / "card.json").write_text(
            json.dumps(dict(card), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    return directory


@contextmanager
def whole_folder(folder: str | Path) -> Iterator[Path]:
    """A context with a temporary folder, which is renamed to `folder` at the end.

    An earlier `folder` is replaced. After an error the temporary folder is deleted instead.
    """
    folder = Path(folder)
    check_names(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(
        tempfile.mkdtemp(prefix=f".{shortened([folder.name], '', 100)}-", dir=folder.parent)
    )
    try:
        yield scratch
        scratch.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.rename(scratch, folder)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def add_to_card(directory: str | Path, values: Mapping[str, Any]) -> None:
    """Adds entries to the card of a weights directory, replacing those of the same names."""
    path = Path(directory) / "card.json"
    card = json.loads(path.read_text("utf-8")) | dict(values)
    part = path.with_name(".card.json.part")
    part.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", "utf-8")
    part.replace(path)


def load_weights(directory: str | Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Reads a weights directory.

    Returns:
      (configuration, parameter tree, card). Half-precision arrays are returned as float32.

    Raises:
      UserError: a file is missing or damaged, or an array is not finite.
    """
    directory = Path(directory)
    missing = [name for name in FILES if not (directory / name).is_file()]
    if missing:
        raise UserError(
            f"expected a weights directory with {', '.join(FILES)}, found {directory} without "
            f"{', '.join(missing)}: give a directory that training or a converter wrote"
        )
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        card = json.loads((directory / "card.json").read_text(encoding="utf-8"))
        arrays = load_file(directory / "params.safetensors")
    except (SafetensorError, ValueError, OSError) as error:
        raise UserError(
            f"expected whole weights in {directory}, found them damaged ({error}): fetch them again"
        ) from None
    half = (np.float16, ml_dtypes.bfloat16)
    arrays = {k: a.astype(np.float32) if a.dtype in half else a for k, a in arrays.items()}
    for name, array in arrays.items():
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise UserError(
                f"expected whole weights in {directory}, found that {name} is not finite: "
                "fetch them again"
            )
    return config, unflatten_dict(arrays, sep="/"), card


def load_unused(directory: str | Path) -> dict[str, np.ndarray]:
    """The arrays that were saved as `unused`, by name; empty if there are none.

    Raises:
      UserError: the file is damaged.
    """
    path = Path(directory) / UNUSED
    try:
        return load_file(path) if path.is_file() else {}
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"expected whole tensors in {path}, found them damaged ({error}): convert again"
        ) from None


def check_tree(params: Mapping[str, Any], expected: Any, source: str = "the weights") -> None:
    """Compares the names and shapes of a parameter tree with those of a model.

    Args:
      params: the parameter tree.
      expected: the tree of the model, from `jax.eval_shape`.
      source: what the parameters are called in the error message.

    Raises:
      UserError: they differ. The message lists all differences: `+` only in the parameters, `-`
        only in the model, `~` another shape.
    """
    found = {k: tuple(np.shape(v)) for k, v in flatten_dict(dict(params), sep="/").items()}
    wanted = flatten_dict(jax.tree.map(lambda leaf: tuple(leaf.shape), dict(expected)), sep="/")
    lines = [f"+ {name} {found[name]}" for name in sorted(found.keys() - wanted.keys())]
    lines += [f"- {name} {wanted[name]}" for name in sorted(wanted.keys() - found.keys())]
    lines += [
        f"~ {name} {found[name]}, the model has {wanted[name]}"
        for name in sorted(found.keys() & wanted.keys())
        if found[name] != wanted[name]
    ]
    if lines:
        rest = [f"... and {len(lines) - 40} more"] if lines[40:] else []
        shown = "\n  ".join(lines[:40] + rest)
        raise UserError(
            f"{source} do not fit the model (+ only there, - only in the model):\n  {shown}"
        )
