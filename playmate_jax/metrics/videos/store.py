"""What was measured of each video, kept on disk, so that a run that was stopped goes on.

One .npz file a video: numbers by group, arrays by group, and for each group a key of all that it
depends on. A group whose key differs is measured again. Files are written whole or not at all.
"""

import dataclasses
import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from playmate_jax.paths import unfinished

VERSION = 1  # of what is measured: raised when a score changes its meaning
_TOLD = "told"  # the array that holds JSON


@dataclasses.dataclass
class Record:
    """Of one video (or pair): by the name of a group, its key, numbers, arrays, and what is wrong.

    Attributes:
      numbers: group -> name -> value; NaN is kept as such.
      faults: group -> the sentence that says why it has no numbers.
    """

    keys: dict[str, str] = dataclasses.field(default_factory=dict)
    numbers: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    arrays: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    faults: dict[str, str] = dataclasses.field(default_factory=dict)

    def forget(self, keys: Mapping[str, str]) -> list[str]:
        """Drops groups that were measured under another key; returns those of `keys` to measure."""
        missing = [group for group, key in keys.items() if self.keys.get(group) != key]
        for group in missing:
            self.keys.pop(group, None)
            self.numbers.pop(group, None)
            self.arrays.pop(group, None)
            self.faults.pop(group, None)
        return missing


def read(path: Path) -> Record:
    """What is kept there; an empty record where nothing is, or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as held:
            told = json.loads(bytes(held[_TOLD]))
            arrays = {name: held[name] for name in held.files if name != _TOLD}
            return Record(told["keys"], told["numbers"], arrays, told["faults"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return Record()


def write(path: Path, record: Record) -> None:
    """Replaces what is kept there, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {"keys": record.keys, "numbers": record.numbers, "faults": record.faults}
    text = np.frombuffer(json.dumps(told).encode(), np.uint8)
    part = unfinished(path)
    try:
        np.savez(part, allow_pickle=False, **{_TOLD: text, **record.arrays})
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def key_of(*parts: Any) -> str:
    """A short name of everything that a result depends on."""
    told = json.dumps([VERSION, *parts], sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def state_of(path: Path) -> list[Any]:
    """What tells a file from a later one of the same name."""
    found = path.stat()
    return [str(path.resolve()), found.st_size, found.st_mtime_ns]
