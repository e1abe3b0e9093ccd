"""Crops of one piece: what M sees in every frame, and some frames as the renderer is trained on.

One square each for the whole clip (LivePortrait's driving crop without rotation, FFHQ's alignment
at the mean tilt): the head moves within it. Full frames are looked at one by one and let go.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from playmate_jax.faces import Crop, Face, Square, face_square, steady_ffhq_square
from playmate_jax.faces.track import smooth_squares
from playmate_jax.faces.warp import sample
from playmate_jax.media.video import Still
from playmate_jax.prepare.pieces import Piece

JPEG_QUALITY = 95


@dataclass(frozen=True)
class Crops:
    """Of one clip.

    Attributes:
      driving: every frame, for M.
      rows: which frames `frames` are.
      frames: the aligned crops.
      landmarks: in them, in pixels.
    """

    driving: UInt8[np.ndarray, "t h w 3"]
    rows: Int[np.ndarray, "n"]
    frames: UInt8[np.ndarray, "n size size 3"]
    landmarks: Float[np.ndarray, "n 468 2"]


def driving_square(faces: list[Face], framing: Mapping[str, Any]) -> Square:
    """The mean square of a clip, its axes the picture's: roll is motion."""
    squares = [face_square(face, **{**framing, "rotate": False}) for face in faces]
    return smooth_squares(squares, np.arange(len(squares)), 1, None)[0]


def spread_rows(faces: list[Face | None], count: int) -> Int[np.ndarray, "n"]:
    """At most `count` frames in which the face is seen, spread over the clip."""
    seen = np.flatnonzero([face is not None for face in faces])
    at = ((np.arange(count) + 0.5) * len(seen) / count).astype(int)
    return seen[np.unique(at)].astype(np.int32)


def crops(
    stills: Iterable[Still],
    piece: Piece,
    framing: Mapping[str, Any],
    driving_size: int,
    image_size: int,
    count: int,
) -> Crops:
    """Crops of a piece from its frames.

    Args:
      stills: of the piece, as many as it has.
      framing: arguments of `faces.face_square` that M was trained with.
      driving_size: side of the pictures that M takes.
      image_size: side of the aligned crops.
      count: of aligned crops, at most.
    """
    rows = spread_rows(piece.faces, count)
    whole, square = driving_square(piece.seen, framing), steady_ffhq_square(piece.seen)
    driving = np.empty((len(piece.faces), driving_size, driving_size, 3), np.uint8)
    frames, landmarks, wanted = [], [], set(rows.tolist())
    for row, (still, face) in enumerate(zip(stills, piece.faces, strict=True)):
        image = still.image()
        driving[row] = sample(image, whole.matrix(driving_size), (driving_size,) * 2, "edge")
        if row in wanted and face is not None:
            matrix = square.matrix(image_size)
            crop = Crop(sample(image, matrix, (image_size,) * 2, "edge"), matrix)
            frames.append(crop.image)
            landmarks.append(crop.to_crop(face.points))
    return Crops(driving, rows, np.stack(frames), np.stack(landmarks).astype(np.float16))


def jpeg(image: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """The picture as JPEG."""
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[
        1
    ].tobytes()
