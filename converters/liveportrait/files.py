"""LivePortrait's five files and the networks in each, read and written in the original layout.

F `appearance_feature_extractor.pth`, M `motion_extractor.pth` (names begin with `detector.`),
W `warping_module.pth`, G `spade_generator.pth`, and `stitching_retargeting_module.pth`, which holds
three state dicts whose names begin with `module.`. The animals' set has the same networks and
takes people's stitching.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from playmate_jax.converters import torch_files
from playmate_jax.converters.family import Layout
from playmate_jax.converters.rules import renamed
from playmate_jax.converters.state_files import Checkpoint, Progress, below, without_module
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import whole_folder

# Field of the config -> file; key in the retargeting file -> field of the config.
FILES = {
    "appearance": "appearance_feature_extractor.pth",
    "motion": "motion_extractor.pth",
    "warping": "warping_module.pth",
    "spade": "spade_generator.pth",
}
RETARGETING = "stitching_retargeting_module.pth"
RETARGETING_KEYS = {
    "retarget_shoulder": "stitching",
    "retarget_mouth": "lips",
    "retarget_eye": "eyes",
}


def recognises(folder: Path) -> bool:
    """Whether one of the five files lies anywhere below a folder."""
    return any(below(folder, name) for name in [*FILES.values(), RETARGETING])


def read(folder: Path, progress: Progress) -> Checkpoint:
    """The five files as one checkpoint; animals have four of their own.

    Raises:
      UserError: a file is missing, or there twice.
    """
    names = {**{name: field for field, name in FILES.items()}}
    names[RETARGETING] = ""
    if not below(folder, RETARGETING) and "animals" in str(folder.resolve()):
        del names[RETARGETING]
    files = {name: _one(folder, name) for name in names}
    state: dict[str, np.ndarray] = {}
    for i, (name, path) in enumerate(files.items()):
        progress("read", i, len(files))
        content = torch_files.read(path)
        if name == RETARGETING:
            state |= _retargeting(content)
        else:
            own = renamed(content, without_module)
            state |= {f"{names[name]}.{key}": value for key, value in own.items()}
    progress("read", len(files), len(files))
    return Checkpoint(folder, state, files)


def _retargeting(content: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The three state dicts of one file as one, names beginning with their part."""
    state = {}
    for key, part in RETARGETING_KEYS.items():
        own = torch_files.part(content, key)
        own = renamed(own, without_module)
        state |= {f"{part}.{name}": value for name, value in own.items()}
    return state


def unpack(content: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
    """Stitching and retargeting, where a file holds them; else None."""
    return _retargeting(content) if set(content) & set(RETARGETING_KEYS) else None


def _one(folder: Path, name: str) -> Path:
    """The only file of that name below a folder."""
    found = below(folder, name)
    if not found:
        raise UserError(
            f"expected {name} under {folder}, found none: give the folder that holds "
            "LivePortrait's base_models and retargeting_models"
        )
    if len(found) > 1:
        places = ", ".join(str(path.parent) for path in found)
        raise UserError(f"expected one {name} under {folder}, found it in {places}: give one set")
    return found[0]


def write(folder: str | Path, state: Mapping[str, np.ndarray], *_: Any) -> list[Path]:
    """The official layout, which the original code loads strictly; parts that are not there are
    left out."""
    by_part: dict[str, dict[str, np.ndarray]] = {}
    for name, value in state.items():
        part, _, rest = name.partition(".")
        by_part.setdefault(part, {})[rest] = value
    written = []
    with whole_folder(folder) as scratch:
        for field_, name in FILES.items():
            if field_ in by_part:
                written.append(torch_files.write(scratch / "base_models" / name, by_part[field_]))
        retargeting = {
            key: {f"module.{name}": value for name, value in by_part[part].items()}
            for key, part in RETARGETING_KEYS.items()
            if part in by_part
        }
        if retargeting:
            path = scratch / "retargeting_models" / RETARGETING
            written.append(torch_files.write(path, retargeting))
        relative = [path.relative_to(scratch) for path in written]
    return [Path(folder) / path for path in relative]


LAYOUT = Layout(recognises, read, write, unpack)
