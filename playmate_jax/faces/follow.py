"""Following one face from frame to frame, through cuts and through moments without it.

The face is looked for near its last place, and in the whole image when it is lost there. A cut
resets its place, and so does a second without it: a face is then chosen anew. Preparation and
animation build on `follow`; they decide which face is chosen, and how frames without it are
treated.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from playmate_jax.faces.landmarker import Face, Landmarker
from playmate_jax.faces.scenes import SceneFrame

BRIDGED = 5  # frames without the face that do not end a stretch: a blink of the detector
_FORGET = 25  # frames without it after which its place means nothing any more
_JUMP = 0.5  # of its side: a face that moves further from frame to frame may be another one
_NEAR = 1.0  # a lost face is found again within this many of its sides from where it was
_RETRY = 5  # frames between searches of the whole image while no face is found

Choose = Callable[[UInt8[np.ndarray, "h w 3"], list[Face]], Face | None]


class Followed(NamedTuple):
    """A frame and the face in it.

    Attributes:
      image: the frame.
      face: None where it is not seen.
      begins: this is the first frame of its scene.
      jumps: the face is far from where it was a moment ago.
      spoiled: how many frames before a scene belong to none, but to a dissolve.
    """

    image: UInt8[np.ndarray, "h w 3"]
    face: Face | None
    begins: bool
    jumps: bool
    spoiled: int


class FaceFollower:
    """One face, frame by frame.

    Args:
      choose: picks the face to follow among those found in an image, the largest first; None: none
        of them.
      patience: frames after a loss in which the whole image is searched every time; then every
        fifth is.
    """

    def __init__(self, landmarker: Landmarker, choose: Choose, patience: int = 0):
        self.landmarker = landmarker
        self._choose, self._patience = choose, patience
        self.begin()

    def begin(self) -> None:
        """Resets the place of the face, as the next frame begins another scene."""
        self._last: Face | None = None
        self._lost = 0

    def __call__(self, image: UInt8[np.ndarray, "h w 3"]) -> Face | None:
        """The face in the next frame, None where it is not seen."""
        face = None
        if self._last is not None and not self._lost:
            face = self.landmarker.track(image, self._last)
        if face is None and (self._lost < self._patience or self._lost % _RETRY == 0):
            found = self.landmarker.detect(image)
            face = self._choose(image, found) if self._last is None else nearest(found, self._last)
        self._lost = 0 if face is not None else self._lost + 1
        self._last = face or self._last
        return face


def follow(frames: Iterable[SceneFrame], follower: FaceFollower) -> Iterator[Followed]:
    """The face in every frame; places are forgotten at cuts and after a second without it."""
    last, lost = None, 0
    for frame in frames:
        if frame.begins:
            follower.begin()
            last, lost = None, 0
        face = follower(frame.image)
        jumps = face is not None and last is not None and _jumps(last, face)
        lost = 0 if face is not None else lost + 1
        last = face or last
        if lost == _FORGET:
            follower.begin()
            last = None
        yield Followed(frame.image, face, frame.begins, jumps, frame.spoiled)


def nearest(faces: list[Face], last: Face) -> Face | None:
    """The face nearest to where it was, if near."""
    size = np.sqrt(last.area)
    away = [_distance(last, face) for face in faces]
    least = int(np.argmin(away)) if away else 0
    return faces[least] if away and away[least] <= _NEAR * size else None


def _jumps(last: Face, face: Face) -> bool:
    return _distance(last, face) > _JUMP * last.area**0.5


def _distance(one: Face, other: Face) -> float:
    return float(np.hypot(*(other.points.mean(0) - one.points.mean(0))))
