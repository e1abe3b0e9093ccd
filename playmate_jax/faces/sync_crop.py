"""SyncNet's crop of a face, as `run_pipeline` of joonson/syncnet_python frames S3FD's boxes.

Upright, a square of 1.4 times the box's larger side: room below the chin and at the cheeks, none
above the box. Here the box is that of the mesh's 468 points, which reach from the hairline to the
chin and from ear to ear as those boxes do; it is smoothed over time by a Gaussian in place of a
median over 13 frames, and beyond the image its edge goes on, where the original is grey.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.faces.crop import Square
from playmate_jax.faces.landmarker import Face
from playmate_jax.faces.steady import SMOOTH_S, smooth_squares
from playmate_jax.faces.warp import sample

FPS = 25  # that SyncNet was trained at


def sync_square(points: Float[np.ndarray, "n 2"]) -> Square:
    """Where the crop of a face lies, of the mesh's points in pixels: from half of the box's larger
    side over the box's middle to 0.9 of it below."""
    low, high = points.min(0), points.max(0)
    half = float((high - low).max()) / 2
    x, y = (low + high) / 2
    return Square(float(x), float(y) + 0.4 * half, 2.8 * half, 0.0)


def sync_squares(faces: Sequence[Face | None]) -> list[Square]:
    """The steady crop of every frame of a clip; where the face was not seen, interpolated."""
    seen = np.flatnonzero([face is not None for face in faces])
    squares = [sync_square(face.points) for face in faces if face is not None]
    return smooth_squares(squares, seen, len(faces), SMOOTH_S * FPS)


def mouth_crops(
    images: Iterable[UInt8[np.ndarray, "h w 3"]], faces: Sequence[Face | None], size: int = 64
) -> Iterator[UInt8[np.ndarray, "size size 3"]]:
    """The middle of those crops, half as wide: mouth and chin, for a network of the demo world."""
    for image, whole in zip(images, sync_squares(faces), strict=True):
        square = Square(whole.x, whole.y, whole.side / 2, 0.0)
        yield sample(image, square.matrix(size), (size, size), "edge")


def sync_crops(
    images: Iterable[UInt8[np.ndarray, "h w 3"]], faces: Sequence[Face | None], size: int = 224
) -> Iterator[UInt8[np.ndarray, "size size 3"]]:
    """The crops of a clip's whole images at 25 fps, in which the faces were found."""
    for image, square in zip(images, sync_squares(faces), strict=True):
        yield sample(image, square.matrix(size), (size, size), "edge")
