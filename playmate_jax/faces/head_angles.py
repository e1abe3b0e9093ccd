"""How a head is turned, in degrees, from the landmarks alone: the same with any weights."""

import numpy as np
from jaxtyping import Float

from playmate_jax.faces.landmarker import Face

_TEMPLES, _FOREHEAD, _CHIN = (234, 454), 10, 152


def head_angles(face: Face) -> Float[np.ndarray, "3"]:
    """Pitch, yaw and roll in degrees from the mesh's temples, forehead and chin."""
    points = np.asarray(face.landmarks, np.float64)
    across = points[_TEMPLES[1]] - points[_TEMPLES[0]]
    down = points[_CHIN] - points[_FOREHEAD]
    pitch = np.arctan2(down[2], np.hypot(down[0], down[1]))
    yaw = np.arctan2(across[2], np.hypot(across[0], across[1]))
    roll = np.arctan2(across[1], across[0])
    return np.degrees([pitch, yaw, roll])
