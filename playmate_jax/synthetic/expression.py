"""Expression of a synthetic face: 18 units, and the linear map from units to keypoint offsets.

A unit is one independent movement of the face (`jaw` opens it, `lid_l` shuts an eye), 0 at rest.
`BASIS` (18, 63) says how far each unit moves the 21 keypoints of an average face, in head units, so
that `delta = units @ BASIS` is the delta of Eq. 1. The matrix is the same for every identity: delta
depends on expression only, and the units can be recovered from it (`units_from_expression`).

Axes: x right, y down, z away from the viewer. `_l` and `_r` are the image's left and right.
Unlike a physical face, delta is not turned with the head (Eq. 1 adds it after the rotation).
"""

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

UNITS = (
    "jaw", "wide", "round", "close", "fv", "smile", "asym", "lip_up", "lip_lo",
    "brow_l", "brow_r", "frown", "brow_tilt", "lid_l", "lid_r", "gaze_x", "gaze_y", "cheek",
)  # fmt: skip
UNIT = {name: i for i, name in enumerate(UNITS)}
LIPS = UNITS[:5]  # driven by speech

_SIGNED = {"wide", "smile", "asym", "brow_l", "brow_r", "brow_tilt", "gaze_x", "gaze_y"}
LOW = np.array(
    [-1.0 if n in _SIGNED else -0.3 if n.startswith("lid") else 0.0 for n in UNITS], np.float32
)
HIGH = np.ones(len(UNITS), np.float32)

# Grouped as in LivePortrait (`motion/layout.py`): lips 6 12 14 17 19 20, eyes 11 13 15 16 18.
KEYPOINT_NAMES = (
    "crown", "chin", "brow_l", "brow_r", "nose_tip", "ear_l", "mouth_l", "ear_r", "jaw_l", "jaw_r",
    "forehead", "lid_l", "mouth_r", "lid_r", "lip_up_in", "iris_l", "iris_r", "lip_lo_in", "bridge",
    "lip_lo_out", "lip_up_out",
)  # fmt: skip
KEYPOINT = {name: i for i, name in enumerate(KEYPOINT_NAMES)}

# unit -> keypoint -> displacement (x, y, z) in head units at unit = 1.
_MOVES: dict[str, dict[str, tuple[float, float, float]]] = {
    "jaw": {
        "chin": (0, 0.16, 0.03), "jaw_l": (0, 0.08, 0.01), "jaw_r": (0, 0.08, 0.01),
        "lip_lo_in": (0, 0.19, 0.02), "lip_lo_out": (0, 0.18, 0.02), "lip_up_in": (0, -0.01, 0),
        "mouth_l": (0.02, 0.06, 0), "mouth_r": (-0.02, 0.06, 0),
    },
    "wide": {
        "mouth_l": (-0.07, 0, 0.02), "mouth_r": (0.07, 0, 0.02),
        "lip_up_out": (0, 0.006, 0.01), "lip_lo_out": (0, -0.008, 0.01),
    },
    "round": {
        "mouth_l": (0.105, 0, -0.04), "mouth_r": (-0.105, 0, -0.04),
        "lip_up_in": (0, -0.012, -0.07), "lip_lo_in": (0, 0.012, -0.07),
        "lip_up_out": (0, -0.025, -0.08), "lip_lo_out": (0, 0.025, -0.08),
    },
    "close": {
        "lip_up_in": (0, 0.03, 0.03), "lip_lo_in": (0, -0.06, 0.03),
        "lip_up_out": (0, 0.035, 0.02), "lip_lo_out": (0, -0.06, 0.02), "chin": (0, -0.03, -0.04),
        "mouth_l": (0, 0.02, 0.06), "mouth_r": (0, 0.02, 0.06),
    },
    "fv": {
        "lip_lo_in": (0, -0.05, 0.06), "lip_lo_out": (0, -0.05, 0.09), "lip_up_in": (0, -0.05, 0),
        "lip_up_out": (0, -0.03, -0.03), "chin": (0, 0, 0.06),
    },
    "smile": {
        "mouth_l": (-0.045, -0.075, 0.02), "mouth_r": (0.045, -0.075, 0.02),
        "jaw_l": (-0.03, -0.02, 0), "jaw_r": (0.03, -0.02, 0),
        "lip_up_in": (0, 0.02, 0), "lip_lo_in": (0, 0.02, 0),
        "lip_up_out": (0, 0.02, 0), "lip_lo_out": (0, 0.02, 0),
    },
    "asym": {"mouth_l": (0.012, 0.05, 0), "mouth_r": (0.012, -0.05, 0), "nose_tip": (0.02, 0, 0)},
    "lip_up": {
        "lip_up_in": (0, -0.05, 0), "lip_up_out": (0, -0.055, 0), "nose_tip": (0, -0.03, 0),
    },
    "lip_lo": {
        "lip_lo_in": (0, 0.06, -0.02), "lip_lo_out": (0, 0.08, -0.03),
    },
    "brow_l": {"brow_l": (0, -0.09, 0)},
    "brow_r": {"brow_r": (0, -0.09, 0)},
    "frown": {
        "brow_l": (0.05, 0.045, 0), "brow_r": (-0.05, 0.045, 0), "bridge": (0, 0.04, 0.05),
    },
    "brow_tilt": {
        "brow_l": (0.01, 0, 0.05), "brow_r": (-0.01, 0, 0.05), "forehead": (0, -0.05, 0),
    },
    "lid_l": {"lid_l": (0, 0.14, 0)},
    "lid_r": {"lid_r": (0, 0.14, 0)},
    "gaze_x": {"iris_l": (0.06, 0, 0), "iris_r": (0.06, 0, 0)},
    "gaze_y": {
        "iris_l": (0, 0.04, 0), "iris_r": (0, 0.04, 0),
        "lid_l": (0, 0.02, 0), "lid_r": (0, 0.02, 0),
    },
    "cheek": {
        "jaw_l": (0.01, -0.05, -0.02), "jaw_r": (-0.01, -0.05, -0.02),
        "iris_l": (0, 0, 0.05), "iris_r": (0, 0, 0.05),
    },
}  # fmt: skip


def _basis() -> NDArray[np.float32]:
    basis = np.zeros((len(UNITS), len(KEYPOINT_NAMES), 3), np.float32)
    for unit, moves in _MOVES.items():
        for keypoint, move in moves.items():
            basis[UNIT[unit], KEYPOINT[keypoint]] = move
    return basis.reshape(len(UNITS), -1)


BASIS = _basis()
PINV = np.linalg.pinv(BASIS.astype(np.float64)).astype(np.float32)  # (63, 18)


def units_from_expression(delta: Float[np.ndarray, "*b 63"]) -> Float[np.ndarray, "*b 18"]:
    """The least-squares estimate of the units from delta: the inverse of `units @ BASIS`."""
    return delta @ PINV


def mouth_openness(units: Float[np.ndarray, "*b 18"]) -> Float[np.ndarray, "*b"]:
    """Lip openness: 0 closed, 1 jaw fully open; the unit `close` closes what the jaw opens."""
    u = {name: units[..., i] for name, i in UNIT.items()}
    gap = u["jaw"] + 0.22 * u["lip_up"] + 0.25 * u["lip_lo"]
    gap = gap * (1 - u["close"]) * (1 - 0.8 * u["fv"]) + 0.08 * u["fv"]
    return np.asarray(np.clip(gap, 0, 1))


def lid_closure(units: Float[np.ndarray, "*b 18"]) -> Float[np.ndarray, "*b 2"]:
    """Closure of the left and right eye, from 0 (open, or wider) to 1 (closed)."""
    return np.clip(units[..., UNIT["lid_l"] : UNIT["lid_r"] + 1], 0, 1)


# Share of random faces in which a unit is away from rest.
_ACTIVE = dict(
    jaw=0.65, wide=0.5, round=0.35, close=0.2, fv=0.15, smile=0.6, asym=0.2, lip_up=0.3,
    lip_lo=0.35, brow_l=0.55, brow_r=0.55, frown=0.3, brow_tilt=0.35, lid_l=0.5, lid_r=0.5,
    gaze_x=0.6, gaze_y=0.5, cheek=0.3,
)  # fmt: skip


def sample_expression(
    rng: np.random.Generator, n: int = 1, strength: float = 1.0
) -> Float[np.ndarray, "n 18"]:
    """Random expressions that cover the whole space of units; for speech see `performance.py`.

    Args:
      n: number of expressions.
      strength: factor by which all units are scaled.
    """
    units = rng.uniform(LOW, HIGH, (n, len(UNITS)))
    units = np.where(rng.random(units.shape) < [_ACTIVE[name] for name in UNITS], units, 0)
    left, right = ["brow_l", "lid_l"], ["brow_r", "lid_r"]
    together = rng.random((n, 2)) < (0.75, 0.85)
    for side, (a, b) in enumerate(zip(left, right, strict=True)):
        units[:, UNIT[b]] = np.where(together[:, side], units[:, UNIT[a]], units[:, UNIT[b]])
    shut = rng.random(n) < 0.12  # full blinks: a renderer must be trained on many
    units[:, UNIT["lid_l"]] = np.where(shut, rng.uniform(0.85, 1, n), units[:, UNIT["lid_l"]])
    units[:, UNIT["lid_r"]] = np.where(shut, units[:, UNIT["lid_l"]], units[:, UNIT["lid_r"]])
    units[:, UNIT["fv"]] *= 1 - units[:, UNIT["close"]]  # lips cannot do both
    units[:, UNIT["wide"]] *= 1 - np.maximum(units[:, UNIT["round"]], 0)
    return (units * strength).astype(np.float32)
