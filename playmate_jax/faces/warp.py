"""Sampling an image through an affine map, without aliasing, in continuous pixel coordinates."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

BORDERS = {"black": cv2.BORDER_CONSTANT, "edge": cv2.BORDER_REPLICATE}


def sample(
    image: UInt8[np.ndarray, "h w ..."],
    matrix: Float[np.ndarray, "2 3"],
    size: tuple[int, int],
    border: str = "black",
) -> UInt8[np.ndarray, "height width ..."]:
    """The image of `size` (width, height) whose point (u, v) is `image` at `matrix` (u, v, 1).

    Both sides in continuous pixels. Where the map shrinks by more than two, the part of the image
    that is needed is reduced by area first; the rest is bilinear.
    """
    matrix = np.asarray(matrix, np.float64)
    factor = int(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if factor >= 2:
        image, matrix = _reduce(image, matrix, size, factor)
        if image is None:
            return np.zeros((size[1], size[0], *matrix), np.uint8)
    return cv2.warpAffine(
        image,
        _between_centres(matrix),
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=BORDERS[border],
    )


def invert(matrix: Float[np.ndarray, "2 3"]) -> Float[np.ndarray, "2 3"]:
    """The inverse of an affine map (2, 3)."""
    return np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]


def apply(
    matrix: Float[np.ndarray, "2 3"], points: Float[np.ndarray, "n 2"]
) -> Float[np.ndarray, "n 2"]:
    """The points through the map."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def bounds(
    matrix: Float[np.ndarray, "2 3"], size: tuple[int, int], inside: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Whole-pixel (left, top, right, bottom) that hold the mapped rectangle `size`, cut to the
    rectangle `inside` (both width, height); empty ones have right <= left or bottom <= top."""
    width, height = size
    corners = apply(matrix, np.array([[0, 0], [width, 0], [0, height], [width, height]], float))
    left, top = np.maximum(np.floor(corners.min(0)), 0).astype(int)
    right, bottom = np.minimum(np.ceil(corners.max(0)), inside).astype(int)
    return int(left), int(top), int(right), int(bottom)


def _reduce(image, matrix, size, factor):
    """The needed part of the image at 1 / factor, and the map into it."""
    height, width = image.shape[:2]
    left, top, right, bottom = bounds(matrix, size, (width, height))
    left, top = max(0, left - factor), max(0, top - factor)
    right, bottom = min(width, right + factor), min(height, bottom + factor)
    if right <= left or bottom <= top:
        return None, image.shape[2:]
    small = (max(1, (right - left) // factor), max(1, (bottom - top) // factor))
    ratio = np.array([small[0] / (right - left), small[1] / (bottom - top)])
    moved = matrix - np.array([[0, 0, left], [0, 0, top]])
    part = cv2.resize(image[top:bottom, left:right], small, interpolation=cv2.INTER_AREA)
    return part, moved * ratio[:, None]


def _between_centres(matrix: np.ndarray) -> np.ndarray:
    """OpenCV counts from the first pixel's centre: p - 1/2 = A (q + 1/2 - 1/2) + ..."""
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
    return shifted
