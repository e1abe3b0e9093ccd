"""Reenactment: the motion of one head put on another, by the rules of LivePortrait's pipeline.

With own motion s, driving frames i and the first of them 0:

    relative   R = R_i R_0^T R_s,  delta = delta_s + delta_i - delta_0,
               s = s_s s_i / s_0,  t = t_s + t_i - t_0       the portrait keeps its own resting face
    absolute   R = R_i,  delta = delta_i,  s = s_s,  t = t_i     the portrait takes the driving face

A region says which of these numbers move; the others stay the portrait's own. Absolute expression,
and any expression on a source video, moves only `EXPRESSION_CHANNELS`: the other numbers of delta
follow the head and the identity. A source video keeps its own scale and, in relative mode, its own
translation.

LivePortrait's "expression-friendly" driving option has nothing to do here: it scales by the size of
x_s over that of the first relative frame, which is x_s itself.
"""

import jax
import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg import solveh_banded

from playmate_jax.errors import UserError, nearest
from playmate_jax.geometry import head_pose
from playmate_jax.motion.layout import (
    ANGLES,
    EXPRESSION,
    EYE_KEYPOINTS,
    KEYPOINTS,
    LIP_KEYPOINTS,
    MOTION_SIZE,
    POSE,
    SCALE,
    TRANSLATION,
    pack,
    unpack,
)

MODES = ("relative", "absolute")
REGIONS = ("all", "expression", "pose", "lips", "eyes")


def _expression_mask(keypoints: tuple[int, ...], axes: str = "xyz") -> Bool[np.ndarray, "70"]:
    chosen = np.zeros((KEYPOINTS, 3), bool)
    for axis in axes:
        chosen[list(keypoints), "xyz".index(axis)] = True
    mask = np.zeros(MOTION_SIZE, bool)
    mask[EXPRESSION] = chosen.reshape(-1)
    return mask


def _numbers(part: slice) -> Bool[np.ndarray, "70"]:
    mask = np.zeros(MOTION_SIZE, bool)
    mask[part] = True
    return mask


# The components of delta that depend on expression alone, not on identity.
EXPRESSION_CHANNELS = (
    _expression_mask((1, 2, 6, *range(11, 21)))
    | _expression_mask((3, 4), "y")
    | _expression_mask((5, 8), "z")
    | _expression_mask((9,), "yz")
)
_MASKS = {
    "all": np.ones(MOTION_SIZE, bool),
    "expression": _numbers(EXPRESSION),
    "pose": _numbers(POSE) & ~_numbers(SCALE),
    "lips": _expression_mask(LIP_KEYPOINTS),
    "eyes": _expression_mask(EYE_KEYPOINTS),
}


def reenact(
    driving: Float[np.ndarray, "t m"],
    own: Float[np.ndarray, "m"] | Float[np.ndarray, "t m"],
    mode: str = "relative",
    region: str = "all",
    gain: float = 1.0,
    first: Float[np.ndarray, "m"] | None = None,
) -> Float[np.ndarray, "t m"]:
    """Motion of the portrait for every driving frame.

    Args:
      driving: motion of the driving head.
      own: the portrait's motion; one row a frame for a source video.
      mode: "relative" or "absolute", see above.
      region: "all", "expression", "pose", "lips" or "eyes".
      gain: of what departs from `own`; 0 changes nothing.
      first: the frame that changes are counted from; None takes the first of `driving`.
    """
    check_choice("motion", mode, MODES)
    check_choice("region", region, REGIONS)
    own = np.asarray(own, np.float32)
    is_video = own.ndim == 2
    first = driving[0] if first is None else first
    if mode == "relative":
        moved = _relative(driving, np.atleast_2d(own), np.asarray(first, np.float32)[None])
    else:
        moved = np.array(driving, np.float32)
        moved[:, SCALE] = own[..., SCALE]
    mask = _MASKS[region].copy()
    if is_video or mode == "absolute":
        mask[EXPRESSION] &= EXPRESSION_CHANNELS[EXPRESSION]
    if is_video and mode == "relative":
        mask[SCALE] = mask[TRANSLATION] = False
    return np.where(mask, towards(own, moved, gain), own).astype(np.float32)


def towards(own: np.ndarray, moved: np.ndarray, gain: float) -> np.ndarray:
    """`own` at gain 0, `moved` at gain 1."""
    return moved if gain == 1 else own + gain * (moved - own)


def without(
    motion: Float[np.ndarray, "t m"],
    own: Float[np.ndarray, "m"] | Float[np.ndarray, "t m"],
    region: str,
) -> Float[np.ndarray, "t m"]:
    """The motion with a region's numbers put back to the portrait's own."""
    return np.where(_MASKS[region], own, motion).astype(np.float32)


def _relative(driving: np.ndarray, own: np.ndarray, first: np.ndarray) -> np.ndarray:
    at, start, source = unpack(driving), unpack(first), unpack(own)
    turned = _rotation(at) @ _rotation(start).swapaxes(-1, -2) @ _rotation(source)
    pitch, yaw, roll = (np.asarray(angle) for angle in _angles(turned))
    return pack({
        "expression": source["expression"] + at["expression"] - start["expression"],
        "scale": source["scale"] * at["scale"] / start["scale"],
        "translation": source["translation"] + at["translation"] - start["translation"],
        "pitch": pitch, "yaw": yaw, "roll": roll,
    })  # fmt: skip


def smooth(motion: Float[np.ndarray, "t m"], frames: float) -> Float[np.ndarray, "t m"]:
    """Motion without its jitter, not delayed: a two-sided exponential of about `frames` frames.

    The Kalman smoother of a random walk seen through noise, as LivePortrait smooths, whose
    observation variance over process variance is `frames` squared (3e-7 / 1e-5 by default there:
    0.17 frames). For such a model the smoother is one linear solve, (1 + frames^2 D^T D) x = y with
    D the difference of neighbours.
    """
    if frames <= 0 or len(motion) < 2:
        return motion
    values = np.array(motion, np.float64)
    values[:, ANGLES] = np.unwrap(values[:, ANGLES], period=360.0, axis=0)
    stiffness = frames**2
    bands = np.empty((2, len(values)))
    bands[0] = -stiffness  # above the diagonal; its first number is not read
    bands[1] = 1 + 2 * stiffness
    bands[1, [0, -1]] = 1 + stiffness
    return solveh_banded(bands, values).astype(np.float32)


def check_choice(what: str, found: str, known: tuple[str, ...]) -> None:
    """Raises `UserError` for a word that is not among the known ones."""
    if found not in known:
        listed = ", ".join(f"'{name}'" for name in known)
        raise UserError(
            f"expected {what} as one of {listed}, found '{found}'{nearest(found, known)}: "
            "choose one"
        )


def _rotation(parts: dict) -> Float[np.ndarray, "t 3 3"]:
    return np.asarray(_rotation_of(parts["pitch"], parts["yaw"], parts["roll"]))


_rotation_of = jax.jit(head_pose.rotation)
_angles = jax.jit(head_pose.angles)
