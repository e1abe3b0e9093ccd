"""One file of named tensors as PyTorch users keep it, read and written.

    FILE.safetensors | .pth .pt .bin .pkl     one state dict; in a `.pth` maybe under "state_dict"

What our exports record about themselves, and the settings of a training, are `metadata`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from playmate_jax.converters import torch_files
from playmate_jax.converters.rules import renamed
from playmate_jax.errors import UserError

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".pkl")
WRAPPERS = ("state_dict", "model")  # keys under which a file may keep its tensors
Progress = Callable[[str, int, int], None]  # (phase, steps done, steps in all)
# (tensors, metadata) -> what a `.pth` holds
Content = Callable[[Mapping[str, np.ndarray], Mapping[str, Any]], dict[str, Any]]


@dataclass
class Checkpoint:
    """A state dict and where it came from.

    Attributes:
      path: the file or folder that was given.
      state: PyTorch's names to arrays.
      files: every file that was read, by its name.
      metadata: "config" and "card" of our exports, "transformers" of a transformers' folder,
        "preprocessor" of its feature extraction; "args" and "iteration" of a training.
    """

    path: Path
    state: dict[str, np.ndarray]
    files: dict[str, Path]
    metadata: dict[str, Any] = field(default_factory=dict)

    def sha256(self) -> dict[str, str]:
        """The digest of every file, by its name."""
        found = {}
        for name, path in self.files.items():
            with path.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
        return found

    def bytes(self) -> int:
        """The size of all files together."""
        return sum(path.stat().st_size for path in self.files.values())


def checkpoint_of(path: Path, content: Mapping[str, Any]) -> Checkpoint:
    """A checkpoint from what `torch_files.read` found in one file: tensors, unwrapped where they
    are wrapped, without DataParallel's "module.", and metadata."""
    metadata = {k: content[k] for k in ("config", "card") if isinstance(content.get(k), Mapping)}
    wrapped = [key for key in WRAPPERS if isinstance(content.get(key), Mapping)]
    if wrapped and isinstance(content.get("args"), Mapping):
        iteration = content.get("iter")
        metadata["args"] = content["args"]
        metadata["iteration"] = iteration if isinstance(iteration, int) else 0
    tensors = content[wrapped[0]] if wrapped else content
    tensors = {name: value for name, value in tensors.items() if name not in metadata}
    state = renamed(tensors, without_module)
    if path.suffix == ".safetensors":
        metadata = torch_files.metadata(path)
    return Checkpoint(path, state, {path.name: path}, metadata)


def without_module(name: str) -> str:
    """A tensor's name without what DataParallel puts in front."""
    return name.removeprefix("module.")


def below(folder: Path, name: str) -> list[Path]:
    """Every file of that name (or glob) anywhere below a folder, sorted."""
    return sorted(folder.rglob(name))


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object from a file.

    Raises:
      UserError: damaged, or not a table.
    """
    try:
        values = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise UserError(
            f"expected JSON in {path}, found damage ({error}): fetch it again"
        ) from None
    if not isinstance(values, dict):
        raise UserError(
            f"expected a table in {path}, found a {type(values).__name__}: fetch it again"
        )
    return values


def state_dict_content(
    state: Mapping[str, np.ndarray], metadata: Mapping[str, Any]
) -> dict[str, Any]:
    """The default content of a `.pth`, where no original code expects another."""
    return {"state_dict": dict(state), **metadata}


def write_file(
    path: str | Path,
    state: Mapping[str, np.ndarray],
    metadata: Mapping[str, Any],
    content: Content = state_dict_content,
) -> list[Path]:
    """Writes one file with its metadata: `.safetensors`, or a pickled dict (`content`)."""
    path = Path(path)
    if path.suffix == ".safetensors":
        return [torch_files.write(path, state, metadata)]
    return [torch_files.write(path, content(state, metadata))]
