"""Crops of one piece: M's input of every frame, and aligned frames to train the renderer on.

LivePortrait's driving crop without rotation, and FFHQ's alignment at the clip's mean tilt. Both
follow the place of the head over about half a second and leave its faster motion in the image.
(LivePortrait holds one square for a whole clip: where the camera or the person moves on, the face
leaves it.) Full frames are looked at one by one and let go.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from playmate_jax.faces import (
    Crop,
    Face,
    Square,
    face_square,
    steady_ffhq_squares,
    sync_squares,
)
from playmate_jax.faces.steady import smooth_squares
from playmate_jax.faces.warp import sample
from playmate_jax.media.video import Still
from playmate_jax.motion.layout import pack, unpack
from playmate_jax.prepare.pieces import Piece

DWELL = 12.5  # frames: the Gaussian's standard deviation
JPEG_QUALITY = 95


@dataclass(frozen=True)
class Crops:
    """The images that are cut out of the frames of one clip.

    Attributes:
      squares: the square of M's crop in every frame.
      driving: M's crops of every frame.
      rows: indices of the frames that `frames` shows.
      frames: aligned crops, as the renderer is trained on them.
      aligned: the square of each of them.
      landmarks: the face mesh in `frames`, in pixels.
      lips: SyncNet's crops of every frame; none without SyncNet.
    """

    squares: list[Square]
    driving: UInt8[np.ndarray, "t h w 3"]
    rows: Int[np.ndarray, "n"]
    frames: UInt8[np.ndarray, "n size size 3"]
    aligned: list[Square]
    landmarks: Float[np.ndarray, "n 468 2"]
    lips: UInt8[np.ndarray, "l s s 3"]


def driving_squares(piece: Piece, framing: Mapping[str, Any]) -> list[Square]:
    """The square of M's crop in every frame, parallel to the image: roll is motion."""
    seen = np.flatnonzero([face is not None for face in piece.faces])
    squares = [face_square(face, **{**framing, "rotate": False}) for face in piece.seen]
    return smooth_squares(squares, seen, len(piece.faces), DWELL)


def spread_rows(faces: list[Face | None], count: int) -> Int[np.ndarray, "n"]:
    """Indices of at most `count` frames in which the face is seen, spread over the clip."""
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
    lip_size: int = 0,
) -> Crops:
    """Crops of a piece from its frames.

    Args:
      stills: of the piece, as many as it has.
      framing: arguments of `faces.face_square` that M was trained with.
      driving_size: side of the images that M takes.
      image_size: side of the aligned crops.
      count: of aligned crops, at most.
      lip_size: side of the images that SyncNet takes, 0 without it.
    """
    rows = spread_rows(piece.faces, count)
    squares, aligned = driving_squares(piece, framing), steady_ffhq_squares(piece.faces, DWELL)
    driving = np.empty((len(piece.faces), driving_size, driving_size, 3), np.uint8)
    mouths = sync_squares(piece.faces) if lip_size else []
    lips = np.empty((len(mouths), lip_size, lip_size, 3), np.uint8)
    frames, landmarks, wanted = [], [], set(rows.tolist())
    for row, (still, face) in enumerate(zip(stills, piece.faces, strict=True)):
        image = still.image()
        matrix = squares[row].matrix(driving_size)
        driving[row] = sample(image, matrix, (driving_size,) * 2, "edge")
        if mouths:
            lips[row] = sample(image, mouths[row].matrix(lip_size), (lip_size,) * 2, "edge")
        if row in wanted and face is not None:
            matrix = aligned[row].matrix(image_size)
            crop = Crop(sample(image, matrix, (image_size,) * 2, "edge"), matrix)
            frames.append(crop.image)
            landmarks.append(crop.to_crop(face.points))
    points = np.stack(landmarks).astype(np.float16)
    of_frames = [aligned[row] for row in rows]
    return Crops(squares, driving, rows, np.stack(frames), of_frames, points, lips)


def motion_in(
    motion: Float[np.ndarray, "70"], seen: Square, wanted: Square
) -> Float[np.ndarray, "70"]:
    """Motion that was read in one square of an image as it is in another one.

    Coordinates of one square, in [-1, 1], become the other's by a turn in the plane, a factor and a
    shift, so the points of Eq. 1 do: the turn goes into roll (and turns delta, which Eq. 1 adds
    after the head pose), pitch and yaw stay.
    """
    turns = [square.matrix(2)[:, :2] for square in (seen, wanted)]
    shift = np.array([seen.x - wanted.x, seen.y - wanted.y])
    turn, shift = (np.linalg.solve(turns[1], x) for x in (turns[0], shift))
    factor = seen.side / wanted.side
    parts = unpack(np.asarray(motion, np.float64))
    delta, translation = parts["expression"].copy(), parts["translation"].copy()
    delta[:, :2] = delta[:, :2] @ turn.T / factor
    translation[:2] = turn @ translation[:2] + shift
    roll = parts["roll"] + np.rad2deg(seen.angle - wanted.angle)
    changed = {"expression": delta, "scale": factor * parts["scale"], "translation": translation}
    return pack({**parts, **changed, "roll": roll}).astype(np.float32)


def jpeg(image: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """An RGB image as a JPEG file, at `JPEG_QUALITY`."""
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[
        1
    ].tobytes()
