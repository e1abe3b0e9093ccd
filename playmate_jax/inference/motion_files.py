"""Motion on disk: an `.npz` with named parts, written by `--save-motion`, read by `--driving`.

Keys of a file (t frames): "fps" (), "expression" (t, 21, 3), "rotation" (t, 3, 3) in the row-vector
convention of Eq. 1, "scale" (t, 1), "translation" (t, 3). Files of the same keys from elsewhere are
read too. Nothing in a file is executed (`allow_pickle=False`).
"""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.geometry.head_pose import angles, rotation
from playmate_jax.motion.layout import KEYPOINTS, pack, unpack

FORMAT = 1
_SHAPES = {
    "expression": (KEYPOINTS, 3), "rotation": (3, 3), "scale": (1,), "translation": (3,),
}  # fmt: skip


@dataclass(frozen=True)
class MotionClip:
    """Motion of one head: `motion` (t, 70) as in `motion/layout.py`, at `fps` frames a second."""

    motion: Float[np.ndarray, "t m"]
    fps: float


def write_motion(path: str | Path, clip: MotionClip) -> None:
    """Writes a clip under a temporary name and renames it."""
    path = Path(path)
    parts = unpack(np.asarray(clip.motion, np.float32))
    turned = jax.jit(rotation)(parts["pitch"], parts["yaw"], parts["roll"])
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            np.savez(
                file, format=FORMAT, fps=np.float64(clip.fps), expression=parts["expression"],
                rotation=np.asarray(turned), scale=parts["scale"], translation=parts["translation"],
            )  # fmt: skip
        os.replace(part, path)
    except OSError as error:
        raise UserError(
            f"expected to write the motion to {path}, found "
            f"'{error.strerror}', choose another place"
        ) from None
    finally:
        part.unlink(missing_ok=True)


def read_motion(path: str | Path) -> MotionClip:
    """Reads a clip.

    Raises:
      UserError: not such a file, a part missing or of a wrong shape, or values that are not finite.
    """
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
    missing = [name for name in (*_SHAPES, "fps") if name not in parts]
    if missing:
        raise UserError(
            f"expected a motion file with {', '.join((*_SHAPES, 'fps'))}, found no "
            f"{', '.join(missing)} in {path}, write it with --save-motion"
        )
    count = len(parts["rotation"]) if parts["rotation"].ndim else 0
    for name, shape in _SHAPES.items():
        array = parts[name]
        if count == 0 or array.shape != (count, *shape) or array.dtype.kind not in "fiu":
            raise UserError(
                f"expected '{name}' of shape (frames, {str(shape)[1:-1].rstrip(',')}) in "
                f"{path}, found {array.shape} of {array.dtype}, write the file again"
            )
        if not np.isfinite(array).all():
            raise UserError(
                f"expected finite numbers in '{name}' of {path}, found NaN or infinity, "
                "write the file again"
            )
    fps = float(parts["fps"]) if parts["fps"].size == 1 else 0.0
    if not 1 <= fps <= 240:
        raise UserError(
            f"expected 1 to 240 frames a second in {path}, found {parts['fps']}, write "
            "the file again"
        )
    pitch, yaw, roll = (
        np.asarray(a) for a in jax.jit(angles)(parts["rotation"].astype(np.float32))
    )
    motion = pack({**parts, "pitch": pitch, "yaw": yaw, "roll": roll})
    return MotionClip(motion.astype(np.float32), fps)
