"""Motion vectors to keypoints: Eq. 1 on the table of motion/layout.py."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.geometry import head_pose
from playmate_jax.geometry.keypoints import transform_keypoints
from playmate_jax.motion.layout import unpack


def moved_keypoints(
    x_c: Float[Array, "n k 3"], motion: Float[Array, "b 70"]
) -> Float[Array, "b k 3"]:
    """Eq. 1 for motion vectors: x = s (x_c R + delta) + t; one x_c (n = 1) serves them all."""
    parts = unpack(motion)
    turned = head_pose.rotation(parts["pitch"], parts["yaw"], parts["roll"])
    x_c = jnp.broadcast_to(x_c, (motion.shape[0], *x_c.shape[1:]))
    return transform_keypoints(
        x_c, turned, parts["expression"], parts["scale"], parts["translation"]
    )
