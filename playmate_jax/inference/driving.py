"""Head pose from elsewhere: from a driving video, a driving picture or a motion file.

Of the driving motion only the pose is used (scale, translation, pitch, yaw, roll); expression and
lips stay those of the speech. Two ways to use it:

    relative   changes since the driving source's first frame, applied to the portrait's own pose:
               R = R_i R_0^T R_s,  s = s_s s_i / s_0,  t = t_s + t_i - t_0
    absolute   the driving head's angles as they are; scale and translation stay relative, because
               they speak of how the driving source was cropped, not of where its head points

A driving source shorter than the speech is played back and forth; a longer one is cut.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.errors import UserError
from playmate_jax.geometry import head_pose
from playmate_jax.inference.motion_files import read_motion
from playmate_jax.media.container import kind
from playmate_jax.motion.layout import FPS, POSE, pack, unpack

Faces = Iterable[UInt8[np.ndarray, "h w 3"]]


def read_driving(
    path: str | Path,
    faces_of_video: Callable[[Path], Faces],
    face_of_image: Callable[[Path], UInt8[np.ndarray, "h w 3"]],
    motion_of_faces: Callable[[UInt8[np.ndarray, "n h w 3"]], Float[np.ndarray, "n m"]],
    batch: int,
    longest: int,
) -> Float[np.ndarray, "n m"]:
    """Motion of every driving frame at 25 fps; a picture gives one.

    Args:
      faces_of_video: upright face crops of a video at 25 fps, in order.
      face_of_image: the face crop of a picture.
      motion_of_faces: M, for exactly `batch` crops.
      batch: how many crops M takes at a time.
      longest: frames after which reading stops.
    """
    path = Path(path)
    if path.suffix.lower() == ".npz":
        clip = read_motion(path)
        return retime(clip.motion, clip.fps)[:longest]
    what = kind(path)
    if what == "audio":
        raise UserError(
            f"expected a driving video, picture or motion file, found the recording "
            f"'{path}' without pictures: give one with a head in it"
        )
    faces = [face_of_image(path)] if what == "image" else islice(faces_of_video(path), longest)
    motion = [motion_of_faces(chunk)[:n] for chunk, n in _batches(faces, batch)]
    if not motion:
        raise UserError(
            f"expected a driving video with a face, found none in '{path}': give another"
        )
    return np.concatenate(motion)


def _batches(faces: Faces, size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Stacks of exactly `size` faces (the last one repeated) and how many of them count."""
    faces = iter(faces)
    while chunk := list(islice(faces, size)):
        count = len(chunk)
        yield np.stack(chunk + [chunk[-1]] * (size - count)), count


def follow(
    driving: Float[np.ndarray, "n m"],
    own: Float[np.ndarray, "m"],
    count: int,
    mode: str = "relative",
    gain: float = 1.0,
) -> Float[np.ndarray, "t 7"]:
    """The portrait's pose over `count` frames when it follows a driving head.

    Args:
      driving: motion of the driving head; its expression is not used.
      own: the portrait's own motion.
      mode: "relative" or "absolute"; one single driving frame is always absolute.
      gain: of what departs from the portrait's own pose: 0 keeps the head still, 1 follows.
    """
    if mode not in ("relative", "absolute"):
        raise UserError(f"expected pose 'relative' or 'absolute', found '{mode}': choose one")
    absolute = mode == "absolute" or len(driving) == 1
    driving = back_and_forth(driving, count)
    at, first, source = (
        unpack(driving),
        unpack(driving[:1]),
        unpack(np.asarray(own, np.float32)[None]),
    )
    turned = at if absolute else _turned(at, source)
    pose = pack({
        "expression": at["expression"],
        "scale": source["scale"] * at["scale"] / first["scale"],
        "translation": source["translation"] + at["translation"] - first["translation"],
        **{name: turned[name] for name in ("pitch", "yaw", "roll")},
    })[:, POSE]  # fmt: skip
    return (own[POSE] + gain * (pose - own[POSE])).astype(np.float32)


def _turned(driving: dict, source: dict) -> dict[str, Float[np.ndarray, " t"]]:
    """Angles of R_i R_0^T R_s."""
    rotations = np.asarray(_rotation(driving["pitch"], driving["yaw"], driving["roll"]))
    own = np.asarray(_rotation(source["pitch"], source["yaw"], source["roll"]))[0]
    found = _angles(rotations @ rotations[0].T @ own)
    return {n: np.asarray(a) for n, a in zip(("pitch", "yaw", "roll"), found, strict=True)}


def retime(values: Float[np.ndarray, "n c"], fps: float, to: float = FPS) -> np.ndarray:
    """Rows at another frame rate, linear in between."""
    count = max(1, round(len(values) * to / fps))
    at = np.arange(count) * fps / to
    rows = np.arange(len(values))
    return np.stack([np.interp(at, rows, c) for c in values.T], -1).astype(np.float32)


def back_and_forth(values: Float[np.ndarray, "n c"], count: int) -> Float[np.ndarray, "t c"]:
    """`count` rows: forwards, then backwards, and so on, without repeating the turning points."""
    period = max(1, 2 * len(values) - 2)
    at = np.arange(count) % period
    return values[np.where(at < len(values), at, period - at)]


_rotation = jax.jit(head_pose.rotation)
_angles = jax.jit(head_pose.angles)
