"""The 21 keypoints of a synthetic person, at rest and under a pose and an expression (Eq. 1)."""

import functools

import numpy as np
from jaxtyping import Float

from playmate_jax.synthetic.expression import BASIS
from playmate_jax.synthetic.identity import Identity, sample_identity
from playmate_jax.synthetic.surface import skin_distance


def rotation(pitch_deg, yaw_deg, roll_deg) -> Float[np.ndarray, "*b 3 3"]:
    """R = (Rz Ry Rx)^T for row vectors, angles in degrees; `geometry.head_pose` has it in JAX."""
    x, y, z = (np.deg2rad(np.asarray(a, np.float64)) for a in (pitch_deg, yaw_deg, roll_deg))
    o, one = np.zeros_like(x), np.ones_like(x)

    def matrix(*rows):
        return np.stack(rows, -1).reshape(*x.shape, 3, 3)

    rx = matrix(one, o, o, o, np.cos(x), -np.sin(x), o, np.sin(x), np.cos(x))
    ry = matrix(np.cos(y), o, np.sin(y), o, one, o, -np.sin(y), o, np.cos(y))
    rz = matrix(np.cos(z), -np.sin(z), o, np.sin(z), np.cos(z), o, o, o, one)
    return np.swapaxes(rz @ ry @ rx, -1, -2)


def keypoints(identity: Identity) -> Float[np.ndarray, "21 3"]:
    """Canonical keypoints x_c on the surface of the face at rest, in head units, in the order of
    `KEYPOINT_NAMES`."""
    return _keypoints(identity.seed, identity.index).copy()


@functools.lru_cache(maxsize=1024)
def _keypoints(seed: int, index: int) -> np.ndarray:
    p = sample_identity(seed, index).shape
    brow = p.eye_y - p.brow_y - p.brow_arch
    lid, side = p.eye_y - p.eye_h, p.skull_w
    tip = p.eye_y + p.nose_len
    xy = [
        (0, -0.90), (0, p.chin_y + 0.10), (-p.eye_x, brow), (p.eye_x, brow), (0, tip),
        (-side, 0.06), (-p.mouth_w, p.mouth_y), (side, 0.06), (-p.jaw_w * 0.85, 0.5),
        (p.jaw_w * 0.85, 0.5), (0, -0.45), (-p.eye_x, lid), (p.mouth_w, p.mouth_y),
        (p.eye_x, lid), (0, p.mouth_y), (-p.eye_x, p.eye_y), (p.eye_x, p.eye_y), (0, p.mouth_y),
        (0, p.eye_y), (0, p.mouth_y + p.lip_lo), (0, p.mouth_y - p.lip_up),
    ]  # fmt: skip
    out = np.empty((21, 3), np.float32)
    for i, (x, y) in enumerate(xy):
        z = -1.2
        for _ in range(40):
            z += 0.9 * min(max(skin_distance(x, y, z, p), -0.1), 0.5)
        out[i] = x, y, min(z, 0.15)
    return out


def pose_keypoints(
    x_c: Float[np.ndarray, "*b 21 3"],
    units: Float[np.ndarray, "*b 18"],
    pose: Float[np.ndarray, "*b 6"],
) -> Float[np.ndarray, "*b 21 3"]:
    """Eq. 1: x = s (x_c R + delta) + t with delta = units @ BASIS and t_z = 0.

    Args:
      pose: pitch, yaw, roll in degrees, scale, tx, ty.
    """
    delta = (units @ BASIS).reshape(*units.shape[:-1], 21, 3)
    rot = rotation(pose[..., 0], pose[..., 1], pose[..., 2])
    t = np.concatenate([pose[..., 4:6], np.zeros_like(pose[..., :1])], -1)
    return (pose[..., 3, None, None] * (x_c @ rot + delta) + t[..., None, :]).astype(np.float32)
