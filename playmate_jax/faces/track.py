"""Following one face through a video, and a steady crop of it.

Frame by frame the face is looked for near its last place, and in the whole image when it is lost
there; memory holds landmarks only. The crop's square is then smoothed over time (a Gaussian, both
ways: this is offline), or one square is held for the whole clip, as LivePortrait does for driving.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.errors import UserError
from playmate_jax.faces.crop import SIZE, Square, face_square, pick_face
from playmate_jax.faces.landmarker import Face, Landmarker
from playmate_jax.faces.warp import sample
from playmate_jax.media import VideoReader

SMOOTH_S = 0.3  # follows a moving head, but neither the jaw nor the landmarks' jitter
_NEAR = 1.0  # a lost face is found again within this many of its sides from where it was
_RETRY = 5  # frames between looks at the whole image while no face is there


@dataclass(frozen=True)
class FaceTrack:
    """One face through a clip.

    Attributes:
        fps: of the frames that were followed.
        faces: one for each frame, None where it was not seen.
        squares: where the steady crop lies in each frame; between sightings interpolated.
    """

    fps: Fraction
    faces: list[Face | None]
    squares: list[Square]

    def matrices(self, size: int = SIZE) -> Float[np.ndarray, "t 2 3"]:
        """Maps from crops of `size` pixels to the frames."""
        return np.stack([square.matrix(size) for square in self.squares])

    def crops(
        self, reader: VideoReader, size: int = SIZE, border: str = "black"
    ) -> Iterator[UInt8[np.ndarray, "size size 3"]]:
        """The crops, read from the video a second time."""
        for image, square in zip(reader.frames_at(self.fps), self.squares, strict=True):
            yield sample(image, square.matrix(size), (size, size), border)


class FaceFollower:
    """One face, frame by frame.

    Args:
      choose: picks the face to follow among those found, the largest first; None: none of them.
    """

    def __init__(self, landmarker: Landmarker, choose: Callable[[list[Face]], Face | None]):
        self.landmarker = landmarker
        self._choose = choose
        self.begin()

    def begin(self) -> None:
        """Forgets where the face was: what comes next is another scene."""
        self._last: Face | None = None
        self._lost = 0

    def __call__(self, image: UInt8[np.ndarray, "h w 3"]) -> Face | None:
        """The face in the next frame, None where it is not seen."""
        face = None
        if self._last is not None and not self._lost:
            face = self.landmarker.track(image, self._last)
        if face is None and (not self._lost or self._lost % _RETRY == 0):
            found = self.landmarker.detect(image)
            face = self._choose(found) if self._last is None else _nearest(found, self._last)
        self._lost = 0 if face is not None else self._lost + 1
        self._last = face or self._last
        return face


def track_faces(
    frames: Iterable[UInt8[np.ndarray, "h w 3"]], landmarker: Landmarker, number: int | None = None
) -> list[Face | None]:
    """The face of that number in the first frame that shows one (default: the largest), in every
    frame; None where it is not seen."""

    def choose(found: list[Face]) -> Face | None:
        return found[min(number or 1, len(found)) - 1] if found else None

    follower = FaceFollower(landmarker, choose)
    return [follower(image) for image in frames]


def track_video(
    reader: VideoReader,
    landmarker: Landmarker,
    fps: Fraction | int | None = None,
    number: int | None = None,
    scale: float = 2.3,
    vx: float = 0.0,
    vy: float = -0.125,
    rotate: bool = True,
    smooth_s: float | None = SMOOTH_S,
) -> FaceTrack:
    """Follows a face through a video at `fps` (default: its own).

    `smooth_s` is the Gaussian's standard deviation in seconds; None holds one square, the mean, for
    the whole clip. Raises `UserError` when no face is seen, or in less than half of the frames.
    """
    fps = Fraction(fps or reader.fps)
    faces = track_faces(reader.frames_at(fps), landmarker, number)
    seen = np.array([face is not None for face in faces])
    if not seen.any():
        pick_face([], path=reader.path)
    if seen.mean() < 0.5:
        raise UserError(
            f"expected a face throughout '{reader.path}', found one in {seen.sum()} of {len(seen)} "
            "frames: give a clip that shows one face"
        )
    squares = [face_square(face, scale, vx, vy, rotate) for face in faces if face is not None]
    sigma = None if smooth_s is None else float(smooth_s * fps)
    return FaceTrack(fps, faces, smooth_squares(squares, np.flatnonzero(seen), len(faces), sigma))


def smooth_squares(
    squares: list[Square], times: np.ndarray, length: int, sigma: float | None
) -> list[Square]:
    """Squares at the frames `times` -> one for each of `length` frames, smoothed by a Gaussian of
    `sigma` frames (None: their mean). Sides are averaged as logarithms, angles unwrapped."""
    values = np.array([[one.x, one.y, np.log(one.side), one.angle] for one in squares])
    values[:, 3] = np.unwrap(values[:, 3])
    every = np.arange(length)
    filled = np.stack([np.interp(every, times, column) for column in values.T], axis=1)
    if sigma is None:
        smooth = np.repeat(values.mean(0, keepdims=True), length, axis=0)
    elif sigma > 0:
        smooth = _gaussian(filled, sigma)
    else:
        smooth = filled
    return [Square(x, y, float(np.exp(side)), angle) for x, y, side, angle in smooth.tolist()]


def _gaussian(values: np.ndarray, sigma: float) -> np.ndarray:
    """Over the first axis; at the ends the weights of the frames that are there sum to one."""
    reach = int(np.ceil(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    inside = slice(reach, reach + len(values))
    total = np.convolve(np.ones(len(values)), weights)[inside]
    return np.stack([np.convolve(one, weights)[inside] / total for one in values.T], axis=1)


def _nearest(faces: list[Face], last: Face) -> Face | None:
    """The face nearest to where it was, if near."""
    size = np.sqrt(last.area)
    away = [float(np.hypot(*(face.points.mean(0) - last.points.mean(0)))) for face in faces]
    nearest = int(np.argmin(away)) if away else 0
    return faces[nearest] if away and away[nearest] <= _NEAR * size else None
