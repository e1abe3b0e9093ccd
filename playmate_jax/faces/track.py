"""One person's face through a video, and a steady crop of it.

A track is made of stretches: frames of one shot in which the face is seen, short misses of the
detector included. Stretches end at cuts and at gaps, and so does the smoothing of the crop. After a
cut or a jump the track goes on with the same person alone (`person.Person`): another one's frames
are frames without the face. Memory holds landmarks only.

The crop's square is smoothed over time (a Gaussian, both ways: this is offline), or one square is
held, as LivePortrait does for driving: for all stretches in which the face has about the same place
and size.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Bool, Float, UInt8

from playmate_jax.errors import UserError
from playmate_jax.faces.crop import SIZE, Square, face_square, pick_face
from playmate_jax.faces.follow import BRIDGED, FaceFollower, follow, nearest
from playmate_jax.faces.landmarker import Face, Landmarker
from playmate_jax.faces.person import Person
from playmate_jax.faces.scenes import SceneFrame, scenes
from playmate_jax.faces.steady import SMOOTH_S, smooth_squares
from playmate_jax.faces.warp import sample
from playmate_jax.media import VideoReader
from playmate_jax.motion.gaps import spans

_PATIENCE = 25  # frames: nothing of a face that comes back soon is missed
_SAME_PLACE, _SAME_SIZE = 0.15, 0.15  # of the square's side, and of its logarithm

Image = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class FaceTrack:
    """One face through a clip.

    Attributes:
        times_s: when each frame is shown.
        faces: one for each frame, None where it is not seen.
        squares: where the steady crop lies in each frame, None where the face is not seen.
        cuts: whether a frame is the first of its shot; the clip's first one is.
    """

    times_s: list[Fraction]
    faces: list[Face | None]
    squares: list[Square | None]
    cuts: Bool[np.ndarray, "t"]

    @property
    def seen(self) -> Bool[np.ndarray, "t"]:
        """Whether each frame shows the face, (n,)."""
        return np.array([face is not None for face in self.faces])

    def gaps_s(self, duration_s: Fraction) -> list[tuple[float, float]]:
        """(first, last second) of every span without the face, in a clip of `duration_s`."""
        ends = [*self.times_s, duration_s]
        return [(float(ends[start]), float(ends[stop])) for start, stop in spans(~self.seen)]

    def matrices(self, size: int = SIZE) -> Float[np.ndarray, "n 2 3"]:
        """Maps from crops of `size` pixels to the frames in which the face is seen."""
        return np.stack([square.matrix(size) for square in self.squares if square is not None])

    def crops(
        self, reader: VideoReader, size: int = SIZE, border: str = "black"
    ) -> Iterator[UInt8[np.ndarray, "size size 3"]]:
        """The crops of the frames in which the face is seen, from the video read a second time."""
        for frame, square in zip(reader.frames(), self.squares, strict=True):
            if square is not None:
                yield sample(frame.image, square.matrix(size), (size, size), border)


def track_faces(
    frames: Iterable[Image], landmarker: Landmarker, number: int | None = None
) -> list[Face | None]:
    """The face of that number in the first frame that shows one (default: the largest), in every
    frame of one shot; None where it is not seen."""
    follower = FaceFollower(landmarker, lambda _, found: _numbered(found, number))
    return [follower(image) for image in frames]


def track_person(
    frames: Iterable[Image], landmarker: Landmarker, number: int | None = None
) -> tuple[list[Face | None], list[int]]:
    """As `track_faces`, through cuts: (their face in every frame, the first frames of stretches).

    Frames of a dissolve, and those that show somebody else, are frames without the face. A fade
    to black ends a shot; one from black is the beginning of a shot, not its end. A face that is
    known only some frames after a cut was there from the cut on.
    """
    person = Person()
    unknown: dict[int, list[Face]] = {}  # faces of frames since the cut, none of which was theirs

    def choose(image: Image, found: list[Face]) -> Face | None:
        if not person.known:
            return _numbered(found, number)
        face = person.among(image, found)
        if face is None:
            unknown[len(faces)] = found
        return face

    follower = FaceFollower(landmarker, choose, _PATIENCE)
    faces: list[Face | None] = []
    cuts: list[int] = []
    for shown in follow(map(_without_fade, scenes(frames)), follower):
        face = shown.face
        if face is not None and shown.jumps:
            face = person.among(shown.image, [face])
            if face is None:
                follower.begin()
        if face is not None:
            person.saw(shown.image, face)
        if shown.begins or (shown.jumps and face is not None):
            spoiled = min(shown.spoiled, len(faces))
            faces[len(faces) - spoiled :] = [None] * spoiled
            cuts.append(len(faces))
            unknown = {len(faces): unknown.get(len(faces), [])}
        faces.append(face)
        if face is not None:
            _backwards(faces, unknown)
    return faces, cuts


def _without_fade(frame: SceneFrame) -> SceneFrame:
    """The frame without the effects of a fade: no cut after it, no frames spoiled by it."""
    if not frame.fade:
        return frame
    return frame._replace(begins=frame.fade == "to", spoiled=0)


def _backwards(faces: list[Face | None], unknown: dict[int, list[Face]]) -> None:
    """Tracks the last face backwards through the frames before it, until none is near."""
    i, last = len(faces) - 2, faces[-1]
    while unknown and last is not None and faces[i] is None:
        last = faces[i] = nearest(unknown.get(i, []), last)
        i -= 1
    unknown.clear()


def track_video(
    reader: VideoReader,
    landmarker: Landmarker,
    number: int | None = None,
    scale: float = 2.3,
    vx: float = 0.0,
    vy: float = -0.125,
    rotate: bool = True,
    smooth_s: float | None = SMOOTH_S,
    least: float = 0.5,
) -> FaceTrack:
    """Follows a person's face through a video's frames.

    `smooth_s` is the Gaussian's standard deviation in seconds; None holds one square, the mean, as
    long as the face keeps its place. Raises `UserError` when no face is seen, or in a smaller share
    of the frames than `least`.
    """
    times: list[Fraction] = []

    def images() -> Iterator[Image]:
        for frame in reader.frames():
            times.append(frame.time_s)
            yield frame.image

    faces, cuts = track_person(images(), landmarker, number)
    count, seen = len(faces), sum(face is not None for face in faces)
    if not seen:
        pick_face([], path=reader.path)
    if seen < least * count:
        raise UserError(
            f"expected a face throughout '{reader.path}', found one in {seen} of {count} "
            "frames: give a clip that shows one face"
        )
    found = {i: face_square(f, scale, vx, vy, rotate) for i, f in enumerate(faces) if f is not None}
    fps = (count - 1) / times[-1] if count > 1 else reader.fps
    sigma = None if smooth_s is None else float(smooth_s * fps)
    squares = dict.fromkeys(range(count))
    for rows in _framings(found, stretches(faces, cuts), sigma is None):
        first = rows[0]
        at = np.array(rows) - first
        smooth = smooth_squares([found[i] for i in rows], at, int(at[-1]) + 1, sigma)
        squares |= {i: smooth[i - first] for i in rows}
    starts = np.zeros(count, bool)
    starts[[0, *cuts]] = True
    return FaceTrack(times, faces, list(squares.values()), starts)


def stretches(faces: list[Face | None], cuts: list[int]) -> list[list[int]]:
    """Frames in which the face is seen, by stretch: a cut ends one, and a gap of more than
    `BRIDGED` frames."""
    found: list[list[int]] = []
    for i, face in enumerate(faces):
        if face is None:
            continue
        last = found[-1][-1] if found else -1
        if not found or i - last - 1 > BRIDGED or bisect_right(cuts, last) < bisect_right(cuts, i):
            found.append([])
        found[-1].append(i)
    return found


def _framings(
    squares: dict[int, Square], parts: list[list[int]], together: bool
) -> list[list[int]]:
    """Frames by stretch; `together`: stretches that show the face in about the same place are
    one."""
    found: list[list[int]] = []
    for rows in parts:
        alike = (one for one in found if together and _alike(squares, one, rows))
        known = next(alike, None)
        if known is None:
            found.append(rows)
        else:
            known += rows
    return found


def _alike(squares: dict[int, Square], some: list[int], others: list[int]) -> bool:
    (x, y, side), (u, v, other) = (
        np.mean([(squares[i].x, squares[i].y, squares[i].side) for i in rows], axis=0)
        for rows in (some, others)
    )
    near = np.hypot(u - x, v - y) < _SAME_PLACE * max(side, other)
    return bool(near and abs(np.log(other / side)) < _SAME_SIZE)


def _numbered(found: list[Face], number: int | None) -> Face | None:
    return found[min(number or 1, len(found)) - 1] if found else None
