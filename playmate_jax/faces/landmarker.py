"""The interface of face landmarkers: faces with 468 landmarks, and the protocol.

Coordinates are continuous pixels: x to the right, y down, (0, 0) is the outer corner of the first
pixel, so its centre is (0.5, 0.5). Left and right are the image's.

The 468 points are MediaPipe's canonical face mesh; the indices used in this package are named here.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

LEFT_EYE = (33, 159, 133, 145)  # outer corner, upper lid, inner corner, lower lid
RIGHT_EYE = (263, 386, 362, 374)
MOUTH_CORNERS = (61, 291)
BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
# from the left temple along the jaw and the chin (152) to the right temple
JAW: tuple[int, ...] = (127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152)
JAW += (377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356)


@dataclass(frozen=True)
class Face:
    """One detected face with its landmarks.

    Attributes:
        landmarks: (468, 3) x and y in pixels, z in the same unit, away from the viewer.
        score: the detector's certainty, 0 to 1 (that of the mesh for a tracked face).
        presence: the mesh's certainty that there is a human face, 0 to 1.
    """

    landmarks: Float32[np.ndarray, "468 3"]
    score: float
    presence: float

    @property
    def points(self) -> Float32[np.ndarray, "468 2"]:
        """The landmarks in the image's plane."""
        return self.landmarks[:, :2]

    @property
    def box(self) -> Float32[np.ndarray, "4"]:
        """Left, top, right, bottom of the landmarks."""
        return np.concatenate([self.points.min(0), self.points.max(0)])

    @property
    def area(self) -> float:
        """Area of the box, in square pixels."""
        left, top, right, bottom = self.box
        return float((right - left) * (bottom - top))

    @property
    def eye_centres(self) -> Float32[np.ndarray, "2 2"]:
        """Centres of the left and the right eye."""
        return np.stack([self.points[list(eye)].mean(0) for eye in (LEFT_EYE, RIGHT_EYE)])

    @property
    def eye_centre(self) -> Float32[np.ndarray, "2"]:
        """The point between the eyes."""
        return self.eye_centres.mean(0)

    @property
    def mouth_centre(self) -> Float32[np.ndarray, "2"]:
        """The point between the corners of the mouth."""
        return self.points[list(MOUTH_CORNERS)].mean(0)


@runtime_checkable
class Landmarker(Protocol):
    """Finds faces; another detector can be used if it implements these two methods."""

    def detect(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Face]:
        """Every human face, the largest first."""
        ...

    def track(self, image: UInt8[np.ndarray, "h w 3"], previous: Face) -> Face | None:
        """The same face a frame later, or None when it is no longer near its place."""
        ...
