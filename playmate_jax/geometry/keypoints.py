"""Implicit keypoints: the paper's Eq. 1, and the pairwise transfers of Eqs. 2 and 3.

A face's motion is a scale s, a rotation R (row vectors), an expression deformation delta and a
translation t; x = s (x_c R + delta) + t moves its canonical keypoints x_c. As in LivePortrait the
depth component t_z is dropped: only t_x and t_y are added.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.geometry import head_pose


class Motion(NamedTuple):
    """The motion of one face: everything in Eq. 1 but the canonical keypoints.

    Attributes:
      rotation: R, for row vectors.
      delta: the expression's offset of each keypoint, in head units.
      scale: s, in image half-widths per head unit.
      translation: t, in image half-widths; z is ignored.
    """

    rotation: Float[Array, "*b 3 3"]
    delta: Float[Array, "*b k 3"]
    scale: Float[Array, "*b 1"]
    translation: Float[Array, "*b 3"]


def transform_keypoints(
    x_c: Float[Array, "*b k 3"],
    R: Float[Array, "*b 3 3"],
    delta: Float[Array, "*b k 3"],
    s: Float[Array, "*b 1"],
    t: Float[Array, "*b 3"],
) -> Float[Array, "*b k 3"]:
    """Eq. 1: keypoints x = s (x_c R + delta) + t in [-1, 1]^2 of the image, with t_z dropped."""
    # Three products written out stay in float32 on hardware that would round a matmul.
    turned = sum(x_c[..., :, i, None] * R[..., None, i, :] for i in range(3))
    in_plane = t * jnp.asarray([1.0, 1.0, 0.0], t.dtype)
    return s[..., None] * (turned + delta) + in_plane[..., None, :]


def equation_1(x_c: Float[Array, "*b k 3"], motion: Motion) -> Float[Array, "*b k 3"]:
    """Eq. 1 with its parameters as a `Motion`: x = s (x_c R + delta) + t."""
    return transform_keypoints(x_c, *motion)


def equation_2(
    x_c_i: Float[Array, "*b k 3"], motion_i: Motion, motion_j: Motion
) -> tuple[Float[Array, "*b k 3"], Float[Array, "*b k 3"]]:
    """Eq. 2: (x_i, x_{i, j pose}), the keypoints of frame i, and of frame i with j's head pose."""
    return equation_1(x_c_i, motion_i), equation_1(x_c_i, motion_j._replace(delta=motion_i.delta))


def equation_3(
    x_c_j: Float[Array, "*b k 3"], motion_i: Motion, motion_j: Motion
) -> tuple[Float[Array, "*b k 3"], Float[Array, "*b k 3"]]:
    """Eq. 3: (x_j, x_{j, i exp}), the keypoints of frame j, and of frame j with i's expression."""
    return equation_1(x_c_j, motion_j), equation_1(x_c_j, motion_j._replace(delta=motion_i.delta))


def motion_from_outputs(outputs: dict[str, Array]) -> tuple[Float[Array, "b k 3"], Motion]:
    """Canonical keypoints and `Motion` from the raw outputs of the motion extractor M.

    Args:
      outputs: "pitch", "yaw", "roll" (b, 66) logits; "kp" and "exp" (b, 63); "scale" (b, 1); "t"
        (b, 3).
    """
    degrees = (head_pose.degrees_from_bins(outputs[name]) for name in ("pitch", "yaw", "roll"))
    points = outputs["kp"].reshape(*outputs["kp"].shape[:-1], -1, 3)
    delta = outputs["exp"].reshape(points.shape)
    motion = Motion(head_pose.rotation(*degrees), delta, outputs["scale"], outputs["t"])
    return points, motion
