"""Motion on disk: our `.npz`, and LivePortrait's templates (`.pkl`); `--driving` reads both.

An `.npz` (t frames), written by `--save-motion`: "fps" (), "expression" (t, 21, 3), "rotation"
(t, 3, 3) in the row-vector convention of Eq. 1, "scale" (t, 1), "translation" (t, 3), and where
they are known "openings" (t, 3): left eye, right eye, lips, as in `faces/openness.py`. Files of the
same keys from elsewhere are read too.

A template is a dict of "n_frames", "output_fps", "motion": one dict a frame of "exp", "R" (older:
"R_d"), "scale", "t", each with a leading 1; and "c_eyes_lst", "c_lip_lst" (older: "c_d_eyes_lst",
"c_d_lip_lst"). What else a frame holds (keypoints) is not needed.

Nothing in a file is executed (`allow_pickle=False`, `safe_pickle`).
"""

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.geometry.head_pose import angles, rotation
from playmate_jax.hub import safe_pickle
from playmate_jax.motion.layout import KEYPOINTS, pack, unpack
from playmate_jax.paths import unfinished

FORMAT = 1
SUFFIXES = (".npz", ".pkl")
_SHAPES = {
    "expression": (KEYPOINTS, 3), "rotation": (3, 3), "scale": (1,), "translation": (3,),
    "openings": (3,),
}  # fmt: skip
_OPTIONAL = {"openings"}
# our name -> LivePortrait's, the newer first
_TEMPLATE = {
    "expression": ("exp",), "rotation": ("R", "R_d"), "scale": ("scale",), "translation": ("t",),
}  # fmt: skip
_EYES, _LIPS = ("c_eyes_lst", "c_d_eyes_lst"), ("c_lip_lst", "c_d_lip_lst")


@dataclass(frozen=True)
class MotionClip:
    """Motion of one head: `motion` (t, 70) as in `motion/layout.py`, at `fps` frames a second.

    `openness` (t, 3), where they are known: of the left eye, the right eye and the lips.
    """

    motion: Float[np.ndarray, "t m"]
    fps: float
    openness: Float[np.ndarray, "t 3"] | None = None


def write_motion(path: str | Path, clip: MotionClip) -> None:
    """Writes a clip as `.npz` under a temporary name and renames it."""
    path = Path(path)
    parts = unpack(np.asarray(clip.motion, np.float32))
    turned = jax.jit(rotation)(parts["pitch"], parts["yaw"], parts["roll"])
    arrays: dict[str, Any] = {
        "format": FORMAT, "fps": np.float64(clip.fps), "expression": parts["expression"],
        "rotation": np.asarray(turned), "scale": parts["scale"],
        "translation": parts["translation"],
    }  # fmt: skip
    if clip.openness is not None:
        arrays["openings"] = np.asarray(clip.openness, np.float32)
    part = unfinished(path)
    try:
        with open(part, "wb") as file:
            np.savez(file, **arrays)
        os.replace(part, path)
    except OSError as error:
        raise UserError(
            f"expected to write the motion to {path}, found "
            f"'{error.strerror}', choose another place"
        ) from None
    finally:
        part.unlink(missing_ok=True)


def read_motion(path: str | Path) -> MotionClip:
    """Reads a clip, by its suffix a LivePortrait template or an `.npz`.

    Raises:
      UserError: not such a file, a part missing or of a wrong shape, values that are not finite or
        cannot be a head's, or a pickle that asks for more than numbers.
    """
    parts = _template(path) if Path(path).suffix.lower() == ".pkl" else _named_arrays(path)
    _check(parts, path)
    pitch, yaw, roll = (
        np.asarray(a) for a in jax.jit(angles)(parts["rotation"].astype(np.float32))
    )
    motion = pack({**parts, "pitch": pitch, "yaw": yaw, "roll": roll})
    openness = parts.get("openings")
    return MotionClip(
        motion.astype(np.float32),
        float(parts["fps"]),
        None if openness is None else openness.astype(np.float32),
    )


def _named_arrays(path: str | Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            parts = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise UserError(
            f"expected a motion file, found nothing at {path}, check the path"
        ) from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        raise UserError(
            f"expected a motion file (.npz from --save-motion), found something else or "
            f"a damaged file at {path}, write it again"
        ) from None
    missing = [n for n in (*_SHAPES, "fps") if n not in parts and n not in _OPTIONAL]
    if missing:
        needed = [name for name in (*_SHAPES, "fps") if name not in _OPTIONAL]
        raise UserError(
            f"expected a motion file with {', '.join(needed)}, found no "
            f"{', '.join(missing)} in {path}, write it with --save-motion"
        )
    return parts


def _template(path: str | Path) -> dict[str, np.ndarray]:
    """The parts of a LivePortrait template, by our names."""
    found = safe_pickle.load(path, "a LivePortrait motion template")
    frames = found.get("motion") if isinstance(found, dict) else None
    if not isinstance(frames, list) or not all(isinstance(frame, dict) for frame in frames):
        raise UserError(
            "expected a LivePortrait motion template with a list 'motion' of frames, found "
            f"{_told(found)} in {path}: give a .pkl that LivePortrait wrote"
        )
    if len(frames) != found.get("n_frames", len(frames)):
        raise UserError(
            f"expected {found['n_frames']} frames in the template {path}, as it says, found "
            f"{len(frames)}: give a complete one"
        )
    parts = {"fps": np.asarray(found.get("output_fps", 25))}
    for name, keys in _TEMPLATE.items():
        parts[name] = _rows([_value(frame, keys, path) for frame in frames], _SHAPES[name], name)
    eyes, lips = (next((found[k] for k in keys if k in found), None) for keys in (_EYES, _LIPS))
    if isinstance(eyes, list) and isinstance(lips, list):
        openness = [_rows(eyes, (2,), "openings"), _rows(lips, (1,), "openings")]
        if len(openness[0]) == len(openness[1]):
            parts["openings"] = np.concatenate(openness, axis=-1)
    return parts


def _value(frame: Mapping[str, Any], keys: tuple[str, ...], path: str | Path) -> Any:
    for key in keys:
        if key in frame:
            return frame[key]
    raise UserError(
        f"expected '{keys[0]}' in every frame of the template {path}, found "
        f"{', '.join(map(str, frame)) or 'nothing'}: give a .pkl that LivePortrait wrote"
    )


def _rows(values: list, shape: tuple[int, ...], name: str) -> np.ndarray:
    """Each frame's value without its leading 1, stacked; what does not fit is left for `_check`."""
    rows = []
    for value in values:
        row = np.asarray(value) if _is_numbers(value) else np.zeros(0)
        rows.append(row.reshape(shape) if row.size == int(np.prod(shape)) else np.zeros(0))
    if len({row.shape for row in rows}) > 1:
        return np.zeros((len(rows), 0))
    return np.stack(rows) if rows else np.zeros((0, *shape))


def _is_numbers(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic | float | int)


def _told(found: Any) -> str:
    if isinstance(found, dict):
        return f"the keys {', '.join(map(str, list(found)[:8]))}" if found else "an empty dict"
    return f"a {type(found).__name__}"


def _check(parts: Mapping[str, np.ndarray], path: str | Path) -> None:
    """Shapes, finite numbers, and what a head can do; one sentence on the first that is wrong."""
    count = len(parts["rotation"]) if parts["rotation"].ndim else 0
    if count == 0:
        raise UserError(f"expected frames of motion in {path}, found none: write the file again")
    for name, shape in _SHAPES.items():
        if name not in parts:
            continue
        array = parts[name]
        if array.shape != (count, *shape) or array.dtype.kind not in "fiu":
            raise UserError(
                f"expected '{name}' of shape (frames, {str(shape)[1:-1].rstrip(',')}) in "
                f"{path}, found {array.shape} of {array.dtype}, write the file again"
            )
        if not np.isfinite(array).all():
            raise UserError(
                f"expected finite numbers in '{name}' of {path}, found NaN or infinity, "
                "write the file again"
            )
    turned = parts["rotation"].astype(np.float64)
    # real ones are rotations to 2e-7
    if np.abs(turned @ turned.swapaxes(1, 2) - np.eye(3)).max() > 1e-3:
        raise UserError(f"expected rotations in {path}, found other matrices: write the file again")
    if not (parts["scale"] > 0).all():
        raise UserError(
            f"expected positive scales in {path}, found {parts['scale'].min()}: write the file "
            "again"
        )
    fps = parts["fps"]
    if fps.size != 1 or fps.dtype.kind not in "fiu" or not 1 <= float(fps) <= 240:
        raise UserError(
            f"expected 1 to 240 frames a second in {path}, found {fps}, write the file again"
        )
