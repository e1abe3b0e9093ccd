"""The tensors in a TorchScript file, without running anything of it and without torch.

Such a file is a zip: `code/`, which is never read; uncompressed `data.pkl`, the tree of modules,
and `data/N`, the numbers of every storage. The tree is a pickle whose every name is one of four:
a module's class, which becomes a plain table of its attributes here; the type of a storage; the
function that makes a tensor of a storage, which is ours; lists of numbers. Any other is refused.
"""

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from playmate_jax.errors import UserError

_TYPES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}
_LISTS = ("build_intlist", "build_doublelist", "build_boollist", "build_tensorlist")
_DEEPEST = 32  # modules in modules


class _Refused(Exception):
    """What a file holds that is not allowed; the text names it."""


class _Module:
    """A module of the file: its attributes by name, in their order."""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, attributes: Any) -> None:
        if not isinstance(attributes, dict):
            raise _Refused(f"a module of a {type(attributes).__name__}")
        self.attributes = attributes


class _Tree(pickle.Unpickler):
    """Unpickles the tree of modules; every name in it stands for something of this file."""

    def __init__(self, archive: zipfile.ZipFile, root: str):
        super().__init__(archive.open(f"{root}/data.pkl"))
        self.archive, self.root = archive, root
        self.storages: dict[str, bytes] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == "__torch__" or module.startswith("__torch__."):
            return _Module
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch.jit._pickle" and name in _LISTS:
            return list
        if (module, name) == ("torch.jit._pickle", "restore_type_tag"):
            return _untagged
        raise _Refused(f"'{module}.{name}'")

    def persistent_load(self, pid: Any) -> np.ndarray:
        _, dtype, key, _, size = pid
        if dtype not in _TYPES.values() or not str(key).isalnum():
            raise _Refused("a storage of another kind")
        if key not in self.storages:
            self.storages[key] = self.archive.read(f"{self.root}/data/{key}")
        return np.frombuffer(self.storages[key], dtype, int(size))


def _untagged(value: Any, _type: str) -> Any:
    return value


def _tensor(storage: np.ndarray, offset: int, shape: Any, strides: Any, *_: Any) -> np.ndarray:
    """A tensor's own copy; strides are counted in numbers, as PyTorch does."""
    if not isinstance(storage, np.ndarray) or len(shape) != len(strides):
        raise _Refused("a tensor without numbers")
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides))
    size = int(np.prod(shape, dtype=object))
    if min(offset, size, *strides, 0) < 0 or (size and last >= storage.size) or size > storage.size:
        raise _Refused("a tensor that reaches beyond its storage")
    if not size:
        return np.empty(shape, storage.dtype)
    steps = [step * storage.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps).copy()


def recognises(path: Path) -> bool:
    """Whether a file is a TorchScript archive, which a `.pt` of tensors alone is not."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except Exception:  # no zip, or a damaged one, of which torch says more
        return False


def read(path: Path) -> dict[str, np.ndarray]:
    """Every tensor that is an attribute of a module: dotted name -> array, in the file's order.

    Raises:
      UserError: anything but modules of tensors and plain values, damage, or no tensor with a name
        (a frozen module keeps its tensors as constants of its code).
    """
    found: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            root = next(n for n in archive.namelist() if n.endswith("/data.pkl")).partition("/")[0]
            kept = [x for x in archive.infolist() if x.filename.startswith(f"{root}/data")]
            if any(info.compress_type != zipfile.ZIP_STORED for info in kept):
                raise _Refused("compressed numbers")
            _collect(_Tree(archive, root).load(), "", found, _DEEPEST)
    except _Refused as refused:
        raise UserError(
            f"expected modules of tensors in the TorchScript file {path}, found {refused}, which "
            "is refused: nothing of the file was run, convert a state dict of it"
        ) from None
    except Exception:  # a damaged pickle can raise anything; only code of this file runs here
        raise UserError(f"the TorchScript file {path} is damaged; fetch it again") from None
    if not found:
        raise UserError(
            f"expected tensors with names in the TorchScript file {path}, found none, as in frozen "
            "modules: convert a state dict of it"
        )
    return found


def _collect(module: Any, prefix: str, found: dict[str, np.ndarray], depth: int) -> None:
    if not isinstance(module, _Module) or not depth:
        raise _Refused("modules nested too deep" if not depth else "no module")
    for name, value in module.attributes.items():
        if isinstance(value, np.ndarray):
            found[f"{prefix}{name}"] = value
        elif isinstance(value, _Module):
            _collect(value, f"{prefix}{name}.", found, depth - 1)
