"""The face landmarker of the project: BlazeFace and the 468-point mesh through OpenCV.

Detection (BlazeFace short range, 128 x 128): 896 anchors, each with a score logit, a box and six
points (the first two are the eyes). It sees faces that fill at least a tenth of an image's side;
an image in which it finds none is searched again in overlapping tiles. Landmarks (192 x 192):
a square of 1.5 times the face's box, turned so that the eyes are level. The mesh has a score
for whether the face is human; that decides, since the detector also fires on animals.
"""

import os

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from playmate_jax.faces.assets import DETECTOR, MESH, face_models
from playmate_jax.faces.landmarker import LEFT_EYE, RIGHT_EYE, Face
from playmate_jax.faces.warp import apply, sample

_SIDE = 128  # the detector's input
_MESH_SIDE = 192
_MARGIN = 1.5  # side of the mesh's square over the face's

_NEAR = 3.0  # side of the square in which a followed face is looked for, in sides of the face
_SMALL = 0.25  # of the image's longer side
_BEHIND = 0.1  # of the face's side: how far the mesh's eyes may be from the detector's

_TILES = (1.0, 0.5, 0.3)  # sides of the tiles of the second search, in shorter sides of the image
_SMALLEST_TILE = 64  # pixels: a face in a smaller one has none to speak of


class TfliteLandmarker:
    """`Landmarker` over the two model files.

    Args:
        directory: where the files are; else see `assets.face_models`.
        min_score: the detector's certainty from which a face is looked at.
        min_presence: the mesh's certainty from which it counts as a human face.
    """

    def __init__(
        self,
        directory: str | os.PathLike | None = None,
        min_score: float = 0.5,
        min_presence: float = 0.5,
    ):
        paths = face_models(directory)
        self._detector, self._mesh = _net(paths[DETECTOR]), _net(paths[MESH])
        self._anchors = _anchors()
        self.min_score, self.min_presence = min_score, min_presence

    def detect(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Face]:
        """Every human face, the largest first."""
        height, width = image.shape[:2]
        searches = [[(0, 0, width, height)]]
        sides = [round(part * min(width, height)) for part in _TILES]
        searches += [_tiles(width, height, side) for side in sides if side >= _SMALLEST_TILE]
        for windows in searches:
            found = [self._candidates(image, window) for window in windows]
            faces = self._confirmed(image, np.concatenate(found))
            if faces:
                return sorted(faces, key=lambda face: -face.area)
        return []

    def track(self, image: UInt8[np.ndarray, "h w 3"], previous: Face) -> Face | None:
        """The face near the place of `previous`, or None.

        The mesh alone stays behind a fast head, and is as sure of itself there; so the detector
        looks around the place, and where it sees the eyes elsewhere the mesh starts from them.
        """
        square = _square_of(previous.points)
        face = self._landmarks(image, square, previous.score)
        near = self._candidates(image, _around(image, square[0], _NEAR * square[1]))
        if len(near):
            best = _distinct(near)[0]
            eyes = best[5:9].reshape(2, 2).mean(0)
            if np.hypot(*(face.eye_centre - eyes)) > _BEHIND * square[1]:
                face = self._from_candidate(image, best)
        return face if face.presence >= self.min_presence else None

    def _candidates(
        self, image: np.ndarray, window: tuple[int, int, int, int]
    ) -> Float32[np.ndarray, "n 17"]:
        """Score, box centre, box size and six points of what the detector finds in a window."""
        left, top, right, bottom = window
        side = max(right - left, bottom - top)
        corner = np.array([(left + right - side) / 2, (top + bottom - side) / 2])
        unit = side / _SIDE  # window pixels in one of the detector's
        matrix = np.array([[unit, 0, corner[0]], [0, unit, corner[1]]])
        view = np.ascontiguousarray(image[top:bottom, left:right])
        matrix[:, 2] -= (left, top)
        small = sample(view, matrix, (_SIDE, _SIDE)).astype(np.float32)
        self._detector.setInput((small / 127.5 - 1).transpose(2, 0, 1)[None])
        values, logits = self._detector.forward(("regressors", "classificators"))
        scores = 1 / (1 + np.exp(-np.clip(logits.reshape(-1), -80, 80)))
        keep = np.flatnonzero(scores >= self.min_score)
        values = values.reshape(-1, 8, 2)[keep].astype(np.float64)
        values[:, [0, 2, 3, 4, 5, 6, 7]] += self._anchors[keep, None]
        values[:, 1] *= unit
        values[:, [0, 2, 3, 4, 5, 6, 7]] = values[:, [0, 2, 3, 4, 5, 6, 7]] * unit + corner
        return np.column_stack([scores[keep], values.reshape(-1, 16)]).astype(np.float32)

    def _confirmed(self, image: np.ndarray, candidates: np.ndarray) -> list[Face]:
        """The distinct candidates in which the mesh sees a human face."""
        faces: list[Face] = []
        for candidate in _distinct(candidates):
            face = self._from_candidate(image, self._closer(image, candidate))
            apart = all(_overlap(face.box, other.box) < 0.5 for other in faces)
            if face.presence >= self.min_presence and apart:
                faces.append(face)
        return faces

    def _closer(self, image: np.ndarray, candidate: np.ndarray) -> np.ndarray:
        """The candidate detected again in a closer window: the first box of a small face is too
        rough for the mesh, which is then misplaced, with a high score all the same."""
        centre, side = candidate[1:3], float(candidate[3:5].max())
        if side > _SMALL * max(image.shape[:2]):
            return candidate
        near = self._candidates(image, _around(image, centre, _NEAR * side))
        return _distinct(near)[0] if len(near) else candidate

    def _from_candidate(self, image: np.ndarray, candidate: np.ndarray) -> Face:
        """The mesh where the detector sees a face."""
        score = float(candidate[0])
        centre, size, left_eye, right_eye, *_ = np.reshape(candidate[1:], (8, 2))
        square = (centre, float(size.max()), _angle(right_eye - left_eye))
        face = self._landmarks(image, square, score)
        if face.presence < self.min_presence:
            return face
        # once more from the points themselves: the box of a turned head is rough
        again = self._landmarks(image, _square_of(face.points), score)
        return max(face, again, key=lambda found: found.presence)

    def _landmarks(
        self, image: np.ndarray, square: tuple[np.ndarray, float, float], score: float
    ) -> Face:
        """The mesh in a square (centre, side before the margin, angle of the eyes)."""
        centre, side, angle = square
        unit = max(side, 1.0) * _MARGIN / _MESH_SIDE
        turn = unit * np.array(
            [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float64
        )
        matrix = np.column_stack([turn, centre - turn @ np.full(2, _MESH_SIDE / 2)])
        small = sample(image, matrix, (_MESH_SIDE, _MESH_SIDE)).astype(np.float32)
        self._mesh.setInput((small / 255).transpose(2, 0, 1)[None])
        points, logit = self._mesh.forward(("conv2d_21", "conv2d_31"))
        points = points.reshape(468, 3)
        flat = apply(matrix, points[:, :2])
        landmarks = np.column_stack([flat, points[:, 2] * unit]).astype(np.float32)
        presence = 1 / (1 + float(np.exp(-np.clip(logit.reshape(-1)[0], -80, 80))))
        return Face(landmarks, float(score), presence)


def _net(path: os.PathLike):
    # OpenCV 5's new engine cannot read these files; OpenCV 4 has only the classic one
    engine = getattr(cv2.dnn, "ENGINE_CLASSIC", None)
    return cv2.dnn.readNetFromTFLite(str(path), *(() if engine is None else (engine,)))


def _anchors() -> Float[np.ndarray, "896 2"]:
    """Cell centres in input pixels: a 16 x 16 grid twice, then an 8 x 8 grid six times."""
    grids = []
    for cells, repeats in ((16, 2), (8, 6)):
        centres = (np.arange(cells) + 0.5) * _SIDE / cells
        grid = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
        grids.append(np.repeat(grid, repeats, axis=0))
    return np.concatenate(grids)


def _tiles(width: int, height: int, side: int) -> list[tuple[int, int, int, int]]:
    """Squares that cover the image, half overlapping."""

    def starts(length: int) -> list[int]:
        count = 1 + int(np.ceil(max(0, length - side) / (side / 2)))
        return np.rint(np.linspace(0, max(0, length - side), count)).astype(int).tolist()

    return [(x, y, x + side, y + side) for y in starts(height) for x in starts(width)]


def _around(image: np.ndarray, centre: np.ndarray, side: float) -> tuple[int, int, int, int]:
    """The part of the image within a square."""
    height, width = image.shape[:2]
    x, y = np.clip(centre, 0, (width, height))
    half = max(side / 2, 1)
    left, top = max(0, int(x - half)), max(0, int(y - half))
    return left, top, min(width, int(np.ceil(x + half))), min(height, int(np.ceil(y + half)))


def _distinct(candidates: np.ndarray) -> list[np.ndarray]:
    """One candidate for each place: the surest, its values averaged with those that overlap it,
    weighted by score (BlazeFace's blending, which is steadier than picking one)."""
    rest = candidates[np.argsort(-candidates[:, 0], kind="stable")]
    groups = []
    while len(rest):
        box = _box_of(rest[0])
        near = np.array([_overlap(box, _box_of(other)) > 0.3 for other in rest])
        group = rest[near]
        blended = np.average(group[:, 1:], axis=0, weights=group[:, 0])
        groups.append(np.concatenate([rest[:1, 0], blended]))
        rest = rest[~near]
    return groups


def _box_of(candidate: np.ndarray) -> np.ndarray:
    centre, size = candidate[1:3], candidate[3:5]
    return np.concatenate([centre - size / 2, centre + size / 2])


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    inner = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(inner, 0)))
    both = float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]))
    return shared / max(both - shared, 1e-9)


def _square_of(points: Float32[np.ndarray, "468 2"]) -> tuple[np.ndarray, float, float]:
    """Centre, side and angle of a face by its points, along its own axes."""
    eyes = points[list(LEFT_EYE)].mean(0), points[list(RIGHT_EYE)].mean(0)
    angle = _angle(eyes[1] - eyes[0])
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    along = points @ axes.T
    low, high = along.min(0), along.max(0)
    return (low + high) / 2 @ axes, float((high - low).max()), angle


def _angle(vector: np.ndarray) -> float:
    return float(np.arctan2(vector[1], vector[0]))
