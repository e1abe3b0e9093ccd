"""One video as the metrics see it: frames at 25 fps, its landmarks, and the protocol's square.

Frames are decoded anew for every pass and never kept: memory does not grow with the length, except
for landmarks, 6 KB a frame.
"""

import dataclasses
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.errors import UserError
from playmate_jax.faces import Face, Landmarker, Square, face_square, track_faces
from playmate_jax.faces.steady import smooth_squares
from playmate_jax.faces.warp import apply, invert, sample
from playmate_jax.media import is_silent, open_video, read_audio
from playmate_jax.media.container import open_container
from playmate_jax.media.streams import moving_image
from playmate_jax.metrics.videos.protocol import Protocol

Image = UInt8[np.ndarray, "h w 3"]


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a file is, before the protocol: recorded, and compared between both sides.

    Attributes:
      fps: of the file, to three digits.
    """

    codec: str
    width: int
    height: int
    fps: float
    seconds: float
    has_sound: bool


class Video:
    """A file under a protocol.

    Args:
      seconds: at most so many from its beginning; None: all.

    Raises:
      UserError: it is no video.
    """

    def __init__(self, path: Path, protocol: Protocol, seconds: float | None = None):
        self.path, self.protocol = path, protocol
        self._reader = open_video(path)
        self._most = None if seconds is None else max(1, round(seconds * protocol.fps))
        width, height = self._reader.size
        self.facts = Facts(
            _codec(path), width, height, round(float(self._reader.fps), 3),
            round(self._reader.duration_s, 3), self._reader.has_audio,
        )  # fmt: skip

    @property
    def expected_frames(self) -> int:
        """How many there will be, by what the file declares."""
        count = max(1, round(self._reader.duration_s * self.protocol.fps))
        return count if self._most is None else min(count, self._most)

    def frames(self) -> Iterator[Image]:
        """Whole frames at the protocol's rate, upright RGB."""
        return islice(self._reader.frames_at(self.protocol.fps), self._most)

    def track(self, landmarker: Landmarker) -> Float[np.ndarray, "t 468 3"]:
        """Landmarks of the largest face in every frame, in pixels; NaN where it is not seen."""
        faces = track_faces(self.frames(), landmarker)
        unseen = np.full((468, 3), np.nan, np.float32)
        return np.stack([unseen if face is None else face.landmarks for face in faces])

    def square(self, landmarks: Float[np.ndarray, "t 468 3"] | None) -> Square:
        """The part of the frame that is compared, the same in all frames; see `square_of`."""
        size = (self.facts.width, self.facts.height)
        return square_of(self.protocol, size, landmarks, self.path)

    def images(self, square: Square) -> Iterator[UInt8[np.ndarray, "size size 3"]]:
        """The square of every frame, at the protocol's size."""
        for frame in self.frames():
            yield self.image(frame, square)

    def image(self, frame: Image, square: Square) -> UInt8[np.ndarray, "size size 3"]:
        """The square of one frame, at the protocol's size."""
        size = self.protocol.size
        whole = (frame.shape[1] / 2, frame.shape[0] / 2, float(size), 0.0)
        if frame.shape == (size, size, 3) and dataclasses.astuple(square) == whole:
            return frame
        return sample(frame, square.matrix(size), (size, size))

    def sound(self) -> Float[np.ndarray, " s"]:
        """The speech, mono at the protocol's rate.

        Raises:
          UserError: there is none, or it is silent.
        """
        if not self.facts.has_sound:
            raise UserError(f"expected a video with sound, found none in '{self.path}'")
        most = None if self._most is None else self._most * self.protocol.audio_hz
        audio = read_audio(self.path, self.protocol.audio_hz)
        audio = audio if most is None else audio[: most // self.protocol.fps]
        if is_silent(audio, self.protocol.audio_hz):
            raise UserError(f"expected speech, found only silence in '{self.path}'")
        return audio


def square_of(
    protocol: Protocol,
    size: tuple[int, int],
    landmarks: Float[np.ndarray, "t 468 3"] | None,
    path: Path,
) -> Square:
    """The protocol's square in frames of `size` (width, height).

    Raises:
      UserError: the protocol crops faces, and there is none.
    """
    if protocol.crop == "whole":
        return Square(size[0] / 2, size[1] / 2, float(min(size)), 0.0)
    faces = [] if landmarks is None else [face for face in as_faces(landmarks) if face]
    if not faces:
        raise no_face(path)
    squares = [face_square(face, rotate=False) for face in faces]
    return smooth_squares(squares, np.arange(len(squares)), len(squares), None)[0]


def as_faces(landmarks: Float[np.ndarray, "t 468 3"]) -> list[Face | None]:
    """Faces again of stored landmarks; None where they are NaN."""
    known = np.isfinite(landmarks[:, 0, 0])
    return [Face(x, 1.0, 1.0) if there else None for x, there in zip(landmarks, known, strict=True)]


def in_square(
    landmarks: Float[np.ndarray, "t 468 3"], square: Square, size: int
) -> Float[np.ndarray, "t 468 3"]:
    """Landmarks in pixels of the frame, in pixels of the square's image."""
    turn = invert(square.matrix(size))
    points = apply(turn, landmarks[..., :2].reshape(-1, 2)).reshape(*landmarks.shape[:2], 2)
    depth = landmarks[..., 2:] * (size / square.side)
    return np.concatenate([points, depth], -1).astype(np.float32)


def aligned(
    frame: Image, matrix: Float[np.ndarray, "2 3"], size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """A face warped by ArcFace's matrix, which counts from the first pixel's centre."""
    return cv2.warpAffine(frame, matrix, (size, size), borderValue=0)


def no_face(path: Path) -> UserError:
    """The error of a video in which no human face was found."""
    return UserError(
        f"expected a human face, found none in '{path}': its scores of faces are left out"
    )


def _codec(path: Path) -> str:
    try:
        with open_container(path, "a video") as container:
            stream: Any = moving_image(container)
            return "unknown" if stream is None else stream.codec_context.name
    except (UserError, av.FFmpegError):  # an animated image that FFmpeg does not know
        return "unknown"
