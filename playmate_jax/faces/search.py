"""Faces in an image of any size, found on a reduced copy and placed in the image itself.

A detector sees its image at 128 pixels, so a large image gives it no more detail than a copy. Where
the copy shows no face, the image is searched in windows of the copy's size: a face that was too
small there is found in one of them.
"""

import cv2
import numpy as np
from jaxtyping import UInt8

from playmate_jax.faces.landmarker import Face, Landmarker

COPY_SIDE = 1280  # LivePortrait reduces portraits to it


def find_faces(
    image: UInt8[np.ndarray, "h w 3"], landmarker: Landmarker, side: int = COPY_SIDE
) -> list[Face]:
    """Every face, the largest first, in pixels of the image; one whose longer side is at most
    `side` is searched as it is."""
    scale = max(image.shape[:2]) / side
    if scale <= 1:
        return landmarker.detect(image)
    size = tuple(max(1, round(length / scale)) for length in image.shape[1::-1])
    copy = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    ratio = np.array([*np.divide(image.shape[1::-1], size), scale], np.float32)
    faces = []
    for face in landmarker.detect(copy):
        rough = Face(face.landmarks * ratio, face.score, face.presence)
        faces.append(_looked_at_again(image, landmarker, rough))
    return sorted(faces or _in_windows(image, landmarker, side), key=lambda face: -face.area)


def _looked_at_again(image: np.ndarray, landmarker: Landmarker, rough: Face) -> Face:
    """The face detected again at full resolution, if it is where the copy showed it."""
    fine = landmarker.track(image, rough)
    return rough if fine is None or _overlap(fine, rough) < 0.5 else fine


def _in_windows(image: np.ndarray, landmarker: Landmarker, side: int) -> list[Face]:
    """Faces of windows that overlap by a quarter, in which a face that the copy did not show has
    room; of those at one place the one that is surest."""
    height, width = image.shape[:2]
    found: list[Face] = []
    for top in _starts(height, side):
        for left in _starts(width, side):
            window = np.ascontiguousarray(image[top : top + side, left : left + side])
            for face in landmarker.detect(window):
                moved = face.landmarks + np.array([left, top, 0], np.float32)
                found.append(Face(moved, face.score, face.presence))
    faces: list[Face] = []
    for face in sorted(found, key=lambda one: -one.presence):
        if all(_overlap(face, other) < 0.3 for other in faces):
            faces.append(face)
    return faces


def _starts(length: int, side: int) -> list[int]:
    count = 1 + int(np.ceil(max(0, length - side) / (0.75 * side)))
    return np.rint(np.linspace(0, max(0, length - side), count)).astype(int).tolist()


def _overlap(one: Face, other: Face) -> float:
    """Shared area over the area that both cover."""
    inner = np.minimum(one.box[2:], other.box[2:]) - np.maximum(one.box[:2], other.box[:2])
    shared = float(np.prod(np.maximum(inner, 0)))
    return shared / max(one.area + other.area - shared, 1e-9)
