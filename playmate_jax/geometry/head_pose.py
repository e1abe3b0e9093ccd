"""Head pose: 66 bins to degrees, angles to a rotation matrix and back.

Axes: x to the right, y down, z away from the viewer. Rotations are stored for row vectors,
`keypoints @ R`, as LivePortrait stores them: R = (Rz Ry Rx)^T with x = pitch, y = yaw, z = roll.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

BINS = 66
DEGREES_PER_BIN = 3.0
FIRST_BIN_DEG = -97.5


def degrees_from_bins(logits: Float[Array, "*b 66"]) -> Float[Array, "*b"]:
    """Expected angle, in degrees, of a softmax over 66 bins centred on -97.5, -94.5, ... 97.5.

    The form in which M and Hopenet (Ruiz et al. 2018) predict pitch, yaw and roll.
    """
    centres = FIRST_BIN_DEG + DEGREES_PER_BIN * jnp.arange(BINS, dtype=logits.dtype)
    # Centred bins round to 1e-6 degrees; summing indices first, as LivePortrait does, to 1e-5. The
    # sum of products stays off the matrix unit: TF32 would cost 0.05 degrees.
    return jnp.sum(jax.nn.softmax(logits, axis=-1) * centres, axis=-1)


def rotation(
    pitch_deg: Float[Array, "*b"], yaw_deg: Float[Array, "*b"], roll_deg: Float[Array, "*b"]
) -> Float[Array, "*b 3 3"]:
    """Rotation matrix (Rz Ry Rx)^T for row vectors, from angles in degrees.

    Written out element by element: nine products instead of two matrix multiplications.
    """
    x, y, z = (jnp.deg2rad(jnp.asarray(angle)) for angle in (pitch_deg, yaw_deg, roll_deg))
    cx, sx, cy, sy, cz, sz = jnp.cos(x), jnp.sin(x), jnp.cos(y), jnp.sin(y), jnp.cos(z), jnp.sin(z)
    rows = (
        (cy * cz, cy * sz, -sy),
        (sx * sy * cz - cx * sz, sx * sy * sz + cx * cz, sx * cy),
        (cx * sy * cz + sx * sz, cx * sy * sz - sx * cz, cx * cy),
    )
    return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2)


def angles(
    rotation_matrix: Float[Array, "*b 3 3"],
) -> tuple[Float[Array, "*b"], Float[Array, "*b"], Float[Array, "*b"]]:
    """The inverse of `rotation`: (pitch, yaw, roll) in degrees; unique for |yaw| < 90 degrees."""
    r = rotation_matrix
    yaw = -jnp.arcsin(jnp.clip(r[..., 0, 2], -1.0, 1.0))
    pitch = jnp.arctan2(r[..., 1, 2], r[..., 2, 2])
    roll = jnp.arctan2(r[..., 0, 1], r[..., 0, 0])
    return jnp.rad2deg(pitch), jnp.rad2deg(yaw), jnp.rad2deg(roll)
