"""M's outputs as motion and keypoints in PyTorch, written from the paper's Eqs. 1 to 3."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

BINS, DEGREES_A_BIN, FIRST_DEG = 66, 3.0, -97.5


class FrameMotion(NamedTuple):
    """What M finds in n images.

    Attributes:
      x_c, delta: canonical keypoints and expression (n, k, 3).
      degrees: pitch, yaw, roll (n, 3).
      rotation: R (n, 3, 3), for row vectors.
      scale: s (n, 1).
      translation: t (n, 3).
    """

    x_c: Tensor
    delta: Tensor
    degrees: Tensor
    rotation: Tensor
    scale: Tensor
    translation: Tensor

    def rows(self, first: int, last: int) -> "FrameMotion":
        """The motion of some of the images."""
        return FrameMotion(*(x[first:last] for x in self))


def motion_of(outputs: Mapping[str, Tensor]) -> FrameMotion:
    """The motion in M's raw outputs."""
    bins = outputs["pitch"]
    centres = FIRST_DEG + DEGREES_A_BIN * torch.arange(BINS, dtype=bins.dtype, device=bins.device)
    angles = [(outputs[name].softmax(1) * centres).sum(1) for name in ("pitch", "yaw", "roll")]
    degrees = torch.stack(angles, 1)
    points, delta = (outputs[name].unflatten(1, (-1, 3)) for name in ("kp", "exp"))
    return FrameMotion(points, delta, degrees, rotation(degrees), outputs["scale"], outputs["t"])


def rotation(degrees: Tensor) -> Tensor:
    """R = (Rz Ry Rx)^T (n, 3, 3) of pitch (about x), yaw (about y) and roll (about z), (n, 3)."""
    cosines, sines = (f(degrees * (math.pi / 180)) for f in (torch.cos, torch.sin))
    product = torch.eye(3, dtype=degrees.dtype, device=degrees.device)
    for axis in range(3):
        c, s = cosines[:, axis], sines[:, axis]
        zero, one = torch.zeros_like(c), torch.ones_like(c)
        # the plane that turns, in the order in which a right-handed turn goes
        rows = {
            0: ((one, zero, zero), (zero, c, -s), (zero, s, c)),
            1: ((c, zero, s), (zero, one, zero), (-s, zero, c)),
            2: ((c, -s, zero), (s, c, zero), (zero, zero, one)),
        }[axis]
        product = torch.stack([torch.stack(row, 1) for row in rows], 1) @ product
    return product.transpose(1, 2)


def equation_1(x_c: Tensor, pose: FrameMotion, delta: Tensor) -> Tensor:
    """x = s (x_c R + delta) + t (n, k, 3), t_z dropped; s, R and t are those of `pose`."""
    x = pose.scale[:, :, None] * (x_c @ pose.rotation + delta)
    t = pose.translation[:, None]
    return torch.cat([x[:, :, :2] + t[:, :, :2], x[:, :, 2:]], 2)


def own_keypoints(motion: FrameMotion) -> Tensor:
    """Eq. 1 of each frame alone."""
    return equation_1(motion.x_c, motion, motion.delta)


def driven_keypoints(source: FrameMotion, driving: FrameMotion) -> tuple[Tensor, Tensor]:
    """Eq. 1: x_s and x_d, both on the source's canonical keypoints."""
    return own_keypoints(source), equation_1(source.x_c, driving, driving.delta)


def pose_transferred(i: FrameMotion, j: FrameMotion) -> tuple[Tensor, Tensor]:
    """Eq. 2: x_i, and frame i's keypoints with the head pose of j."""
    return own_keypoints(i), equation_1(i.x_c, j, i.delta)


def expression_transferred(i: FrameMotion, j: FrameMotion) -> tuple[Tensor, Tensor]:
    """Eq. 3: x_j, and frame j's keypoints with the expression of i."""
    return own_keypoints(j), equation_1(j.x_c, j, i.delta)


def stored_keypoints(identity: Tensor, motion: Tensor) -> Tensor:
    """Eq. 1 (n, 21, 3) of a record's canonical keypoints (n, 63) and its motion's 70 numbers: 63 of
    delta, scale, 3 of translation, pitch, yaw and roll in degrees."""
    delta, scale, translation, degrees = motion.split([63, 1, 3, 3], 1)
    points, delta = (x.unflatten(1, (-1, 3)) for x in (identity, delta))
    turned = rotation(degrees)
    return own_keypoints(FrameMotion(points, delta, degrees, turned, scale, translation))
