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
    """Everything that moves canonical keypoints."""

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
    """Eq. 1: x = s (x_c R + delta) + t, with t_z dropped."""
    # Three products written out stay in float32 on hardware that would round a matmul.
    turned = sum(x_c[..., :, i, None] * R[..., None, i, :] for i in range(3))
    in_plane = t * jnp.asarray([1.0, 1.0, 0.0], t.dtype)
    return s[..., None] * (turned + delta) + in_plane[..., None, :]


def equation_1(x_c: Float[Array, "*b k 3"], motion: Motion) -> Float[Array, "*b k 3"]:
    """Eq. 1 for a `Motion`: x = s (x_c R + delta) + t."""
    return transform_keypoints(x_c, *motion)


def equation_2(
    x_c_i: Float[Array, "*b k 3"], motion_i: Motion, motion_j: Motion
) -> tuple[Float[Array, "*b k 3"], Float[Array, "*b k 3"]]:
    """Eq. 2: (x_i, x_{i, j pose}), frame i as it is and frame i with the head pose of frame j."""
    return equation_1(x_c_i, motion_i), equation_1(x_c_i, motion_j._replace(delta=motion_i.delta))


def equation_3(
    x_c_j: Float[Array, "*b k 3"], motion_i: Motion, motion_j: Motion
) -> tuple[Float[Array, "*b k 3"], Float[Array, "*b k 3"]]:
    """Eq. 3: (x_j, x_{j, i exp}), frame j as it is and frame j with the expression of frame i."""
    return equation_1(x_c_j, motion_j), equation_1(x_c_j, motion_j._replace(delta=motion_i.delta))


def motion_from_outputs(outputs: dict[str, Array]) -> tuple[Float[Array, "b k 3"], Motion]:
    """Canonical keypoints and `Motion` from the raw outputs of the motion extractor M."""
    degrees = (head_pose.degrees_from_bins(outputs[name]) for name in ("pitch", "yaw", "roll"))
    points = outputs["kp"].reshape(*outputs["kp"].shape[:-1], -1, 3)
    delta = outputs["exp"].reshape(points.shape)
    motion = Motion(head_pose.rotation(*degrees), delta, outputs["scale"], outputs["t"])
    return points, motion
