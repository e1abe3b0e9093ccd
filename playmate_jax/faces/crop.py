"""LivePortrait's face crop: upright along the line from the eyes to the mouth, 2.3 times the face.

The crop's y axis points from the centre of the eyes to the centre of the mouth (roll is taken
out); its square side is `scale` times the larger extent of the face along those axes; its centre is
the face's middle, moved by `vx`, `vy` sides. "The face" reaches from the brows to the chin and from
temple to temple, as LivePortrait's landmarks do: with the mesh's forehead crops would be wider.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.errors import UserError
from playmate_jax.faces.landmarker import BROWS, JAW, LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE, Face
from playmate_jax.faces.warp import apply, invert, sample

SIZE = 512
SOURCE = {"scale": 2.3, "vx": 0.0, "vy": -0.125}  # LivePortrait's for the portrait
DRIVING = {"scale": 2.2, "vx": 0.0, "vy": -0.1}  # and for a driving video
# The synthetic world's own framing, measured over 40 identities at rest (side within 2 %, middle
# within 1 % of a side): what weights that were trained on whole drawn images expect.
DRAWN = {"scale": 2.24, "vx": 0.0, "vy": -0.1}

_EXTENT = list(BROWS + JAW + LEFT_EYE + RIGHT_EYE + MOUTH_CORNERS)


@dataclass(frozen=True)
class Square:
    """A turned square in an image, pixels and radians; the angle grows clockwise as seen."""

    x: float
    y: float
    side: float
    angle: float

    def matrix(self, size: int = SIZE) -> Float[np.ndarray, "2 3"]:
        """The map from the crop of `size` pixels to the image, both in continuous pixels."""
        unit = self.side / size
        c, s = unit * np.cos(self.angle), unit * np.sin(self.angle)
        turn = np.array([[c, -s], [s, c]])
        return np.column_stack([turn, (self.x, self.y) - turn @ np.full(2, size / 2)])


@dataclass(frozen=True)
class Crop:
    """A square image of a face and the map from its pixels to the whole image's."""

    image: UInt8[np.ndarray, "size size 3"]
    matrix: Float[np.ndarray, "2 3"]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the crop in the whole image, in pixels."""
        far = self.image.shape[0]
        corners = apply(self.matrix, np.array([[0, 0], [far, 0], [0, far], [far, far]], float))
        left, top = np.floor(corners.min(0)).astype(int)
        right, bottom = np.ceil(corners.max(0)).astype(int)
        return int(left), int(top), int(right), int(bottom)

    def to_crop(self, points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Points of the image as points of the crop."""
        return apply(invert(self.matrix), points)


def face_square(
    face: Face, scale: float = 2.3, vx: float = 0.0, vy: float = -0.125, rotate: bool = True
) -> Square:
    """Where the crop of a face lies; without `rotate` its axes stay the image's, so that a
    driving head's roll is kept."""
    down = face.mouth_centre - face.eye_centre
    length = float(np.hypot(*down))
    if not rotate or length < 1e-3:
        down, length = np.array([0.0, 1.0]), 1.0
    down = np.asarray(down, np.float64) / length
    axes = np.array([[down[1], -down[0]], down])  # rows: the crop's x and y in the image
    along = face.points[_EXTENT] @ axes.T
    low, high = along.min(0), along.max(0)
    side = float((high - low).max()) * scale
    x, y = ((low + high) / 2 + np.array([vx, vy]) * side) @ axes
    return Square(float(x), float(y), side, float(np.arctan2(axes[0, 1], axes[0, 0])))


def box_square(
    box: tuple[float, float, float], scale: float = 2.3, vx: float = 0.0, vy: float = -0.125
) -> Square:
    """Where the crop lies of a face given as a square (its left and top edge and its side) from
    brows to chin: upright, `scale` times that square."""
    left, top, size = box
    side = scale * size
    return Square(left + size / 2 + vx * side, top + size / 2 + vy * side, side, 0.0)


def crop_face(
    image: UInt8[np.ndarray, "h w 3"],
    face: Face,
    size: int = SIZE,
    scale: float = 2.3,
    vx: float = 0.0,
    vy: float = -0.125,
    rotate: bool = True,
    border: str = "black",
) -> Crop:
    """The face's crop. `border`: what lies outside the image, "black" (LivePortrait's) or "edge"
    (the outermost pixels repeated)."""
    return crop_square(image, face_square(face, scale, vx, vy, rotate), size, border)


def crop_square(
    image: UInt8[np.ndarray, "h w 3"], square: Square, size: int = SIZE, border: str = "black"
) -> Crop:
    """The crop of a square, as `crop_face` makes it."""
    matrix = square.matrix(size)
    return Crop(sample(image, matrix, (size, size), border), matrix)


def pick_face(faces: list[Face], number: int | None = None, path: str | Path = "") -> Face:
    """The face to use: the largest, or the one of that number, counted from 1 by falling size.

    Raises `UserError` when there is none of that number, or none at all.
    """
    where = f" in '{path}'" if path else ""
    if not faces:
        raise UserError(
            f"expected a human face, found none{where}: give an image of a person, seen from the "
            "front and not too small"
        )
    if number is not None and not 1 <= number <= len(faces):
        raise UserError(
            f"expected a face number from 1 to {len(faces)}, found {number}{where}: faces are "
            "counted from the largest"
        )
    return faces[(number or 1) - 1]


def choice_note(faces: list[Face], number: int | None = None) -> str | None:
    """A notice about which of several faces is taken; None where there is only one."""
    if len(faces) < 2:
        return None
    which = "the largest" if number in (None, 1) else f"number {number} by size"
    return f"{len(faces)} faces found, taking {which}; another one by --face 1..{len(faces)}"
