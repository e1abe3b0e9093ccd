"""ArcFace's alignment of a face by five points: both eyes, the nose's tip, the mouth's corners.

The face is turned, scaled and moved so that its points come nearest to the template's in the least
squares sense (Umeyama 1991, no reflection): with z' = z g + m for points as complex numbers,
g = sum conj(z - mean z) (w - mean w) / sum |z - mean z|^2. Points are (b, 5, 2), x and y, in any
unit; left and right are the image's.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from playmate_jax.faces.landmarker import LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE

SIZE = 112
NOSE_TIP = 1  # of the face mesh
# Left eye, right eye, nose, left and right corner of the mouth; pixels of a crop of SIZE, counted
# from the first one's centre.
TEMPLATE = np.array([
    (38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655),
    (70.7299, 92.2041),
])  # fmt: skip


def five_points(landmarks: Float[Array, "b 468 2"]) -> Float[Array, "b 5 2"]:
    """The five points of the face mesh; an eye's is the mean of its corners and lids."""
    eyes = [landmarks[:, jnp.array(eye)].mean(1) for eye in (LEFT_EYE, RIGHT_EYE)]
    others = [landmarks[:, n] for n in (NOSE_TIP, *MOUTH_CORNERS)]
    return jnp.stack([*eyes, *others], 1)


def similarity(
    points: Float[Array, "b 5 2"], wanted: Float[Array | np.ndarray, "5 2"] = TEMPLATE
) -> Float[Array, "b 2 3"]:
    """The matrix M of each row with M (x, y, 1) nearest to `wanted`: rotation, scale and shift.

    The default gives the crop of SIZE for points in pixels counted from the first one's centre.
    Points that all coincide get a finite matrix, which maps everything to one point.
    """
    target = jnp.asarray(wanted, points.dtype)
    middle, aim = points.mean(1, keepdims=True), target.mean(0)
    p, q = points - middle, target - aim
    spread = jnp.maximum(jnp.square(p).sum((1, 2)), 1e-12)
    along = (p * q).sum((1, 2)) / spread
    across = (p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]).sum(1) / spread
    turn = jnp.stack([along, -across, across, along], -1).reshape(-1, 2, 2)
    shift = aim - (turn * middle).sum(-1)
    return jnp.concatenate([turn, shift[..., None]], -1)
