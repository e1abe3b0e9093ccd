"""Losses that teach M its keypoints: face-vid2vid's priors, LivePortrait's landmark guidance.

Keypoints are (b, k, 3) in the image's [-1, 1] convention between its outer edges (x to the right,
y down); landmarks are (b, n, 2) in the same one (`image_coordinates`). What landmarks guide and
which are taken was never published; `GUIDED` is this project's choice.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from playmate_jax.faces.landmarker import LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE
from playmate_jax.geometry.grid_sample import cell_centres
from playmate_jax.losses.rows import absolute, row_mean
from playmate_jax.parallel.share import Mean

AFFINE_STD, BEND_STD, CONTROL_POINTS = 0.05, 0.005, 5  # of the random deformation; 5 x 5 points
# face-vid2vid's: keypoints closer than the root of the first repel; their mean depth is the second
MIN_SQUARED_DISTANCE, MEAN_DEPTH = 0.1, 0.33
WING_WIDTH, WING_CURVATURE = 10.0, 2.0  # Feng et al. 2018, in pixels
GUIDE_WIDTH, GUIDE_CURVATURE = 0.1, 0.01  # in sides of the image, as LivePortrait-Train's
# Keypoint -> landmark of the mesh: ten on lids and lips, as many as LivePortrait's, out of the
# groups that its released weights move eyes and lips with (motion/layout.py). A mirrored face
# exchanges 11 and 13, 15 and 16, 6 and 12.
GUIDED: Mapping[int, int] = {
    11: LEFT_EYE[1], 13: RIGHT_EYE[1], 15: LEFT_EYE[3], 16: RIGHT_EYE[3],
    6: MOUTH_CORNERS[0], 12: MOUTH_CORNERS[1], 14: 13, 17: 14, 19: 17, 20: 0,
}  # fmt: skip
HIGHEST = jax.lax.Precision.HIGHEST  # coordinates: TF32 would move them by pixels


class Deformation(NamedTuple):
    """A smooth map T of the image's plane per row: affine plus thin-plate spline, FOMM's.

    The deformed image at z is the image at T(z), so a point that is seen at z in the deformed image
    is at T(z) in the image.

    Attributes:
      affine: matrix and shift.
      bend: the spline's weight at each of its control points, which are spread evenly over
        [-1, 1]^2, rows first. As in FOMM it moves x and y alike, and distance is |dx| + |dy|.
    """

    affine: Float[Array, "b 2 3"]
    bend: Float[Array, "b m"]

    def points(self, x: Float[Array, "b *n 2"]) -> Float[Array, "b *n 2"]:
        """T of points of the deformed image: where they are in the image."""
        return self._moved(x, "b...")

    def grid(self, size: int) -> Float[Array, "b size size 2"]:
        """Where `grid_sample_2d` reads each pixel of the deformed image: T of its centre. What lies
        beyond the image is read from its reflection."""
        centres = cell_centres(size, self.affine.dtype)
        x = jnp.stack(jnp.meshgrid(centres, centres), axis=-1)
        inside = 1 - jnp.abs(jnp.mod(self._moved(x, "...") + 1, 4) - 2)
        return jnp.clip(inside, -1 + 1 / size, 1 - 1 / size)

    def _moved(self, x: Array, axes: str) -> Array:
        """T of points that each row has its own of ("b...") or that all rows share ("...")."""
        linear, shift = self.affine[..., :2], self.affine[..., 2]
        moved = jnp.einsum(f"{axes}j,bij->b...i", x, linear, precision=HIGHEST)
        bent = jnp.einsum(f"{axes}m,bm->b...", _spline(x), self.bend, precision=HIGHEST)
        ones = (1,) * (moved.ndim - 2)
        return moved + shift.reshape(-1, *ones, 2) + bent[..., None]


def _spline(x: Float[Array, "*n 2"]) -> Float[Array, "*n 25"]:
    """r^2 log(r + 1e-6), r the distance to each control point: finite with its gradient at 0."""
    line = jnp.linspace(-1, 1, CONTROL_POINTS, dtype=x.dtype)
    control = jnp.stack(jnp.meshgrid(line, line), axis=-1).reshape(-1, 2)
    distance = absolute(x[..., None, :] - control).sum(-1)
    return jnp.square(distance) * jnp.log(distance + 1e-6)


def random_deformation(keys: Key[Array, " b"]) -> Deformation:
    """A deformation per row: the identity plus normal noise of std 0.05, splines of std 0.005."""
    count = CONTROL_POINTS**2
    noise = jax.vmap(lambda key: jax.random.normal(key, (6 + count,), jnp.float32))(keys)
    affine = jnp.eye(2, 3, dtype=noise.dtype) + AFFINE_STD * noise[:, :6].reshape(-1, 2, 3)
    return Deformation(affine, BEND_STD * noise[:, 6:])


def equivariance(
    keypoints: Float[Array, "b k _"], deformed: Float[Array, "b k _"], deformation: Deformation
) -> Mean:
    """Mean |x - T(x')| in the plane: x of the image, x' of the deformed image."""
    return row_mean(absolute(keypoints[..., :2] - deformation.points(deformed[..., :2])))


def keypoint_prior(keypoints: Float[Array, "b k 3"]) -> Mean:
    """Keypoints spread out and keep a mean depth: sum over ordered pairs i != j of
    max(0, 0.1 - |x_i - x_j|^2), plus |mean z - 0.33|."""
    squared = jnp.square(keypoints[:, :, None] - keypoints[:, None]).sum(-1)
    near = jax.nn.relu(MIN_SQUARED_DISTANCE - squared)
    # The original sums all pairs and subtracts k * 0.1 for i = j; without them nothing cancels.
    others = 1 - jnp.eye(keypoints.shape[1], dtype=near.dtype)
    return row_mean((near * others).sum((1, 2)) + absolute(keypoints[..., 2].mean(1) - MEAN_DEPTH))


def deformation_prior(delta: Float[Array, "b k 3"]) -> Mean:
    """Mean |delta|: the expression moves keypoints as little as it can."""
    return row_mean(absolute(delta))


def head_pose_l1(found_deg: Float[Array, "b 3"], wanted_deg: Float[Array, "b 3"]) -> Mean:
    """Mean |error| of pitch, yaw and roll in degrees, against a teacher's or labels, which get no
    gradient."""
    return row_mean(absolute(found_deg - jax.lax.stop_gradient(wanted_deg)))


def wing(
    error: Float[Array, "*b"], width: float = WING_WIDTH, curvature: float = WING_CURVATURE
) -> Float[Array, "*b"]:
    """Wing loss of each error (Feng et al. 2018): width log(1 + |d| / curvature) below `width`,
    then |d| less a constant that joins the two."""
    size = absolute(error)
    at_width = width * jnp.log1p(jnp.asarray(width / curvature, size.dtype))
    return jnp.where(size < width, width * jnp.log1p(size / curvature), size - width + at_width)


def landmark_guide(
    keypoints: Float[Array, "b k 3"],
    landmarks: Float[Array, "b n 2"],
    valid: Bool[Array, " b"] | None = None,
    guided: Mapping[int, int] = GUIDED,
) -> Mean:
    """LivePortrait's L_guide on one image: mean over landmarks of Wing(l_i, x_i), its x plus its y.

    The published loss is the mean of the source's and the driving image's: give both as rows.

    Args:
      valid: rows whose landmarks are known.
      guided: the landmark that draws each keypoint.
    """
    found = keypoints[:, jnp.array(list(guided)), :2]
    wanted = jax.lax.stop_gradient(landmarks[:, jnp.array(list(guided.values()))])
    error = (found - wanted) / 2  # of the image's side
    return row_mean(wing(error, GUIDE_WIDTH, GUIDE_CURVATURE).sum(-1), valid)


def image_coordinates(pixels: Float[Array, "*b 2"], size: int) -> Float[Array, "*b 2"]:
    """Continuous pixels of a square image, 0 at its outer edge, as coordinates in [-1, 1]."""
    return pixels * (2 / size) - 1
