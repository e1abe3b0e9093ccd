"""A face made of points, and the real face finder where its models can be had."""

import importlib.util

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.faces import Face, TfliteLandmarker
from playmate_jax.faces.landmarker import BROWS, JAW, LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE


def face_of_points(x: float, y: float, size: float, roll: float = 0.0, presence=1.0) -> Face:
    """An upright face, `size` pixels from brow to chin, turned by `roll` and put at x, y."""
    points = np.zeros((468, 3))
    points[list(LEFT_EYE)] = [[-0.3, -0.25, 0], [-0.2, -0.3, 0], [-0.1, -0.25, 0], [-0.2, -0.2, 0]]
    points[list(RIGHT_EYE)] = points[list(LEFT_EYE)] * [-1, 1, 1]
    points[list(MOUTH_CORNERS)] = [[-0.15, 0.25, 0], [0.15, 0.25, 0]]
    points[list(BROWS), 0] = np.linspace(-0.35, 0.35, 10)
    points[list(BROWS), 1] = -0.5
    angle = np.linspace(np.pi, 0, len(JAW))
    points[list(JAW), 0] = 0.45 * np.cos(angle)
    points[list(JAW), 1] = np.sin(angle) - 0.5
    points[10] = [0, -0.9, 0]  # the forehead, which the crop leaves out
    points[168], points[2] = [0, -0.2, -0.1], [0, 0.1, -0.2]
    c, s = np.cos(roll), np.sin(roll)
    points[:, :2] = points[:, :2] @ np.array([[c, s], [-s, c]])
    return Face((points * size + [x, y, 0]).astype(np.float32), 0.9, presence)


class PointLandmarker:
    """Sees a face where an image has a bright square: at its place and of its size."""

    def __init__(self):
        self.detections = 0

    def detect(self, image: np.ndarray) -> list[Face]:
        self.detections += 1
        rows, columns = np.nonzero(image[..., 0] > 200)
        if not len(rows):
            return []
        size = float(np.ptp(columns) + 1)
        return [face_of_points(float(columns.mean()) + 0.5, float(rows.mean()) + 0.5, size)]

    def track(self, image: np.ndarray, previous: Face) -> Face | None:
        detections = self.detections
        found = self.detect(image)
        self.detections = detections
        return found[0] if found else None


@pytest.fixture(scope="session")
def landmarker() -> TfliteLandmarker:
    """BlazeFace and the mesh; the models are fetched once and cached."""
    assert importlib.util.find_spec("cv2")
    try:
        return TfliteLandmarker()
    except UserError as error:
        pytest.skip(f"no face models: {error}")
