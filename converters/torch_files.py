"""PyTorch's files as NumPy arrays, and back. Files are untrusted: only tensors are ever unpickled,
and the settings that trainings keep beside them.

`.pth` and `.bin` through torch with `weights_only=True`; `.safetensors` and TorchScript files
without torch. Types are kept, bfloat16 too. Settings (an argparse.Namespace, paths, NumPy's
scalars) come as plain values.
"""

import argparse
import json
import os
import pathlib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from playmate_jax.converters import torchscript_files
from playmate_jax.errors import UserError
from playmate_jax.paths import check_names, shortened

HEADER_LIMIT = 100_000_000  # bytes; safetensors' own


def read(path: str | Path) -> dict[str, Any]:
    """A file's tensors as arrays, nested as they are in the file.

    Raises:
      UserError: missing, damaged, or holding anything but tensors, settings and plain values.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"expected a checkpoint at {path}, found none; check the path")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        _refuse_twice(path)
        try:
            return load_file(path)
        except SafetensorError as error:
            raise UserError(f"{path} is damaged ({error}); fetch it again") from None
    if torchscript_files.recognises(path):
        return dict(torchscript_files.read(path))
    torch = _torch()
    try:
        with torch.serialization.safe_globals(_settings()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling fails in many ways, none of which is a defect here
        raise UserError(
            f"expected {path} to hold tensors only, found something else or damage "
            f"({_reason(error)}); fetch it again from its official source"
        ) from None
    if not isinstance(content, Mapping):
        raise UserError(f"expected {path} to hold named tensors, found a {type(content).__name__}")
    return _to_numpy(content)


def _settings() -> list[Any]:
    """The types that may be unpickled beside tensors, with their names in files."""
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
    """A setting as a value that JSON can store."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _reason(error: Exception) -> str:
    """Why torch does not read a file, without its advice to run what is in it."""
    text = str(error)
    if found := re.search(r"Unsupported [^\n]*?(?= was not| by default|\n|$)", text):
        return found[0][:120]
    lines = text.splitlines()
    advice = not lines or lines[0].startswith("Weights only load failed")
    return type(error).__name__ if advice else lines[0][:120]


def metadata(path: str | Path) -> dict[str, Any]:
    """The configuration and the card in a `.safetensors` file that `write` wrote; else nothing."""
    own = _header(Path(path)).get("__metadata__", {})
    try:
        return {k: json.loads(v) for k, v in dict(own).items() if k in ("config", "card")}
    except (TypeError, ValueError):
        raise UserError(f"{path} is damaged (its metadata are no JSON); fetch it again") from None


def write(
    path: str | Path, state: Mapping[str, Any], metadata: Mapping[str, Any] | None = None
) -> Path:
    """Nested arrays as a `.pth` or `.safetensors` file, renamed into place when complete.

    Args:
      metadata: plain values, stored in a `.safetensors` file only.
    """
    path = Path(path)
    check_names(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{shortened([path.name], '', 100)}.{os.getpid()}")
    try:
        if path.suffix == ".safetensors":
            from safetensors.numpy import save_file

            values = {
                k: v if isinstance(v, str) else json.dumps(v) for k, v in (metadata or {}).items()
            }
            save_file(dict(state), unfinished, values or None)
            _sort_metadata(unfinished)
        else:
            _torch().save(to_tensors(state), unfinished)
        unfinished.chmod(0o644)  # safetensors' own is for the owner alone
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _sort_metadata(path: Path) -> None:
    """Puts a `.safetensors` file's metadata in order: safetensors writes them in a random one, and
    the same export should have the same bytes."""
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        if "__metadata__" in header:
            header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
            text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
            file.seek(8)
            file.write(text.ljust(size))


def part(content: Mapping[str, Any], key: str) -> Mapping[str, np.ndarray]:
    """One of several state dicts of a file."""
    if not isinstance(content.get(key), Mapping):
        raise UserError(f"expected the part {key!r} in the checkpoint, found {sorted(content)}")
    return content[key]


def to_tensors(value: Any) -> Any:
    """Nested arrays as nested tensors that share their memory; plain values stay."""
    if isinstance(value, Mapping):
        return {name: to_tensors(item) for name, item in value.items()}
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype == ml_dtypes.bfloat16:
        return to_tensors(value.view(np.int16)).view(_torch().bfloat16)
    # torch takes no array that must not be written; such an array is copied
    return _torch().from_numpy(value if value.flags.writeable else value.copy())


def available() -> bool:
    """Whether torch can be imported, which it is."""
    try:
        _torch()
    except UserError:
        return False
    return True


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise UserError(
            "reading and writing PyTorch files needs torch: pip install 'playmate-jax[convert]'"
        ) from None
    return torch


def _header(path: Path, pairs: Callable | None = None) -> dict[str, Any]:
    """The table at the beginning of a `.safetensors` file; empty where that is damaged."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(min(length, HEADER_LIMIT))
    try:
        found = json.loads(text, object_pairs_hook=pairs)
    except ValueError:  # what reads the tensors says it better
        return {}
    return found if isinstance(found, dict) else {}


def _refuse_twice(path: Path) -> None:
    """Names that stand twice in the header, of which a reader would take one at will."""
    twice: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        seen = Counter(name for name, _ in items)
        twice.extend(f"! {name} is there {n} times" for name, n in seen.items() if n > 1)
        return dict(items)

    _header(path, pairs)
    if twice:
        lines = "\n  ".join(twice)
        raise UserError(f"{path} names tensors more than once; fetch it again:\n  {lines}")


def _to_numpy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _to_numpy(item) for name, item in value.items()}
    if isinstance(value, argparse.Namespace):
        return {str(name): _plain(item) for name, item in vars(value).items()}
    if not hasattr(value, "numpy"):
        return value
    if str(value.dtype) == "torch.bfloat16":
        return value.view(_torch().int16).numpy(force=True).view(ml_dtypes.bfloat16)
    return value.numpy(force=True)
