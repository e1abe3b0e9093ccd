"""PyTorch's files as NumPy arrays, and back. Files are untrusted: only tensors are ever unpickled.

`.pth` and `.bin` through torch with `weights_only=True`; `.safetensors` without torch.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from playmate_jax.errors import UserError


def read(path: str | Path, allowed: Sequence[Any] = ()) -> dict[str, Any]:
    """A file's tensors as arrays, nested as they are in the file.

    Args:
      allowed: what else may be unpickled, as `torch.serialization.safe_globals` takes it.

    Raises:
      UserError: missing, damaged, or holding anything but tensors and plain values.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"expected a checkpoint at {path}, found none; check the path")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise UserError(f"{path} is damaged ({error}); fetch it again") from None
    torch = _torch()
    try:
        with torch.serialization.safe_globals(list(allowed)):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling fails in many ways, none of which is a defect here
        reason = str(error).splitlines()[0][:120]
        raise UserError(
            f"expected {path} to hold tensors only, found something else or damage ({reason}); "
            "fetch it again from its official source"
        ) from None
    if not isinstance(content, Mapping):
        raise UserError(f"expected {path} to hold named tensors, found a {type(content).__name__}")
    return _to_numpy(content)


def write(path: str | Path, state: Mapping[str, Any]) -> Path:
    """Nested arrays as a `.pth` or `.safetensors` file, renamed into place when complete."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.suffix == ".safetensors":
            from safetensors.numpy import save_file

            save_file(dict(state), unfinished)
        else:
            _torch().save(_to_torch(state), unfinished)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def part(content: Mapping[str, Any], key: str) -> Mapping[str, np.ndarray]:
    """One of several state dicts of a file."""
    if not isinstance(content.get(key), Mapping):
        raise UserError(f"expected the part {key!r} in the checkpoint, found {sorted(content)}")
    return content[key]


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise UserError(
            "reading and writing PyTorch files needs torch: pip install 'playmate-jax[convert]'"
        ) from None
    return torch


def _to_numpy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _to_numpy(item) for name, item in value.items()}
    return value.numpy(force=True) if hasattr(value, "numpy") else value


def _to_torch(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _to_torch(item) for name, item in value.items()}
    return _torch().from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value
