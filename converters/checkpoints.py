"""PyTorch checkpoints on disk: a file of tensors, or a folder as a family is published.

`read` gives named arrays; where a family has several networks, names begin with the part
("appearance.first.conv.weight").
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playmate_jax.converters import onnx_files, torch_files
from playmate_jax.converters.family import Layout
from playmate_jax.converters.registry import FAMILIES
from playmate_jax.converters.state_files import SUFFIXES, Checkpoint, Progress, checkpoint_of
from playmate_jax.errors import UserError


def read(path: str | Path, progress: Progress = lambda *_: None) -> Checkpoint:
    """The checkpoint in a file or a folder.

    Raises:
      UserError: nothing there, nothing known there, or damage.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"expected a checkpoint at {path}, found none: check the path")
    if not path.is_dir():
        return _file(path, progress)
    if (path / "params.safetensors").is_file():
        raise UserError(
            f"expected a PyTorch checkpoint, found a weights directory of this project in {path}: "
            "add --to torch"
        )
    for layout in _layouts():
        if layout.read is not None and layout.recognises(path):
            return layout.read(path, progress)
    files = [p for p in sorted(path.iterdir()) if p.suffix in SUFFIXES and p.is_file()]
    if len(files) == 1:
        return _file(files[0], progress)
    raise UserError(
        "expected LivePortrait's or JoyVASA's files, a SavedModel, config.json with "
        f"model.safetensors or pytorch_model.bin, or one checkpoint ({' '.join(SUFFIXES)}) in "
        f"{path}, found {len(files)} checkpoints: give a file"
    )


def _file(path: Path, progress: Progress) -> Checkpoint:
    """One file, unpacked and completed by the layout of its family."""
    progress("read", 0, 1)
    read = onnx_files.read if path.suffix == onnx_files.SUFFIX else torch_files.read
    content: Mapping[str, Any] = read(path)
    states = (state for layout in _layouts() if (state := layout.unpack(content)) is not None)
    if (unpacked := next(states, None)) is not None:
        found = Checkpoint(path, unpacked, {path.name: path})
    else:
        found = checkpoint_of(path, content)
        for layout in _layouts():
            found = layout.complete(found, content)
    progress("read", 1, 1)
    return found


def _layouts() -> list[Layout]:
    """Layouts of all families in their order, each once."""
    return list({id(f.layout): f.layout for f in FAMILIES if f.layout is not None}.values())
