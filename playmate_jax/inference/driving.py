"""Driving sources: the motion of a video, an image or a motion file, and its head under speech.

`reenactment.py` says what a whole driving face does to a portrait. With speech, only the driving
head's pose is used (`follow`); expression and lips stay those of the speech:

    relative   changes since the driving source's first frame, applied to the portrait's own pose
    absolute   the driving head's angles as they are; scale and translation stay relative, because
               they speak of how the driving source was cropped, not of where its head points

A driving source shorter than the speech is played back and forth; a longer one is cut.
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.faces import Landmarker, track_video
from playmate_jax.faces.openness import openness_of
from playmate_jax.inference.face_renderer import FaceRenderer
from playmate_jax.inference.motion_files import SUFFIXES, MotionClip, read_motion
from playmate_jax.inference.portrait import read_portrait
from playmate_jax.inference.reenactment import MODES, check_choice, reenact, towards
from playmate_jax.inference.source_video import VideoPrefix
from playmate_jax.media import kind
from playmate_jax.motion.layout import ANGLES, FPS, POSE


def read_driving(
    path: str | Path,
    landmarker: Callable[[], Landmarker],
    framing: Mapping[str, Any],
    renderer: FaceRenderer,
    longest: int,
    remarks: list[str] | None = None,
) -> MotionClip:
    """Motion of every driving frame at 25 fps, at most `longest`; an image gives one.

    Args:
      landmarker: called only when a face is looked for.
      framing: arguments of `faces.crop_face` that the renderer was trained with.
      remarks: what the user should know of the video file is appended.

    Raises:
      UserError: no such source, or no face in it.
    """
    path = Path(path)
    if path.suffix.lower() in SUFFIXES:
        return _retimed(read_motion(path), longest)
    what = kind(path)
    if what == "audio":
        raise UserError(
            f"expected a driving video, image or motion file, found the recording "
            f"'{path}' without images: give one with a head in it"
        )
    framing = {**framing, "rotate": False}  # keeps the driving head's roll
    size = renderer.input_size
    if what == "image":
        seen = read_portrait(path, landmarker, framing, size, lambda: size)
        openness = None if seen.openness is None else seen.openness[None]
        return MotionClip(renderer.motion_of_all([seen.face]), FPS, openness)
    reader = VideoPrefix(path, longest)
    # One square for the clip: the head moves within it, and that is motion too.
    track = track_video(reader, landmarker(), FPS, smooth_s=None, **framing)
    motion = renderer.motion_of_all(track.crops(reader, size, "edge"))
    if remarks is not None:
        remarks.extend(reader.remarks)
    return MotionClip(motion, FPS, openness_of(track.faces))


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
    check_choice("pose", mode, MODES)
    looped = back_and_forth(driving, count)
    moved = reenact(looped, own)
    if mode == "absolute" or len(driving) == 1:
        moved[:, ANGLES] = looped[:, ANGLES]
    return towards(own, moved, gain)[:, POSE].astype(np.float32)


def retime(values: Float[np.ndarray, "n c"], fps: float, to: float = FPS) -> np.ndarray:
    """Rows at another frame rate, linear in between; a single row stays one."""
    count = max(1, round(len(values) * to / fps)) if len(values) > 1 else 1
    at = np.arange(count) * fps / to
    rows = np.arange(len(values))
    return np.stack([np.interp(at, rows, c) for c in values.T], -1).astype(np.float32)


def back_and_forth(values: Float[np.ndarray, "n c"], count: int) -> Float[np.ndarray, "t c"]:
    """`count` rows: forwards, then backwards, and so on, without repeating the turning points."""
    period = max(1, 2 * len(values) - 2)
    at = np.arange(count) % period
    return values[np.where(at < len(values), at, period - at)]


def _retimed(clip: MotionClip, longest: int) -> MotionClip:
    """At 25 fps, at most `longest` frames; angles go the short way round."""
    enough = slice(math.ceil(longest * clip.fps / FPS) + 1)
    motion = clip.motion[enough].copy()
    motion[:, ANGLES] = np.unwrap(motion[:, ANGLES], period=360.0, axis=0)
    openness = None
    if clip.openness is not None:
        openness = retime(clip.openness[enough], clip.fps)[:longest]
    return MotionClip(retime(motion, clip.fps)[:longest], FPS, openness)
