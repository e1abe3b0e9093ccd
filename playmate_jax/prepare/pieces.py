"""The pieces of a source that become clips: spans of one scene in which one face is seen.

A face that is lost for a fifth of a second or more ends a piece; a shorter loss is an error of the
detector and is bridged. Pieces longer than the longest clip are cut at silences. Memory holds the
landmarks of one piece, however long the video is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from playmate_jax.faces import Face, Landmarker
from playmate_jax.faces.follow import BRIDGED, FaceFollower, follow
from playmate_jax.faces.scenes import SceneFrame
from playmate_jax.motion.layout import FPS, SAMPLES_PER_FRAME
from playmate_jax.prepare.plan import Source
from playmate_jax.prepare.silences import Samples, quietest

_LOOK_EVERY = 25  # frames between looks for other faces
_OTHER_AREA = 0.25  # of the speaker's: smaller faces are the background's


@dataclass
class Piece:
    """Frames [start, start + len(faces)) at 25 fps from the source's beginning.

    Attributes:
      faces: None where the face was lost for a moment. The first is a face, or else none of them.
      counts: how many faces there were, at each look.
    """

    start: int
    faces: list[Face | None] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)

    @property
    def stop(self) -> int:
        """The frame after the last, from the source's beginning."""
        return self.start + len(self.faces)

    @property
    def faceless(self) -> bool:
        """Whether the piece is empty or shows no face."""
        return not self.faces or self.faces[0] is None

    @property
    def seen(self) -> list[Face]:
        """The faces of the frames in which one was found."""
        return [face for face in self.faces if face is not None]

    @property
    def seconds(self) -> float:
        """The length of the piece in seconds."""
        return len(self.faces) / FPS


def speaker(source: Source, size: tuple[int, int], found: list[Face]) -> Face | None:
    """The face that a source's `box` or `face` points at, at most one side of it away.

    Without either it is the largest. A box of an image of unknown height does not rule out a face
    that is alone in the image.

    Args:
      size: width and height of the image.
      found: the faces in it, the largest first.
    """
    if source.box is not None:
        if source.box_height is None and len(found) == 1:
            return found[0]
        left, top, right, bottom = source.box
        scale = size[1] / source.box_height if source.box_height else 1.0
        expected = np.array([(left + right) / 2, (top + bottom) / 2]) * scale
    elif source.face is not None:
        expected = np.array(source.face) * size
    else:
        return found[0] if found else None
    near = [(float(np.hypot(*(face.points.mean(0) - expected))), i) for i, face in enumerate(found)]
    away, nearest = min(near, default=(np.inf, 0))
    return found[nearest] if near and away <= np.sqrt(found[nearest].area) else None


def pieces(
    frames: Iterable[SceneFrame],
    landmarker: Landmarker,
    source: Source,
    size: tuple[int, int],
    samples: Samples,
    start: int,
    shortest: int,
    longest: int,
) -> Iterator[Piece]:
    """The source's pieces in order; also those that are too short, and the faceless ones.

    Args:
      frames: from frame `start` of the source on.
      size: width and height of the frames.
      samples: its sound.
      shortest, longest: of a clip, in frames.
    """
    follower = FaceFollower(landmarker, lambda _, found: speaker(source, size, found))
    piece, lost = Piece(start), 0
    for t, shown in enumerate(follow(frames, follower), start):
        image, face, begins, jumps, spoiled = shown
        if begins:
            del piece.faces[len(piece.faces) - min(spoiled, len(piece.faces)) :]
        if begins or jumps:
            yield from _closed(piece, samples, shortest, longest)
            piece, lost = Piece(t), 0
        lost = 0 if face is not None else lost + 1
        if (face is not None) if piece.faceless else (lost > BRIDGED):
            yield from _closed(piece, samples, shortest, longest)
            piece = Piece(t)
        piece.faces.append(face)
        if face is not None and len(piece.faces) % _LOOK_EVERY == 1:
            piece.counts.append(_count(landmarker.detect(image), face))
        if face is not None and len(piece.faces) >= longest + shortest:
            first, piece = _cut(piece, samples, shortest, longest)
            yield first
    yield from _closed(piece, samples, shortest, longest)


def _closed(piece: Piece, samples: Samples, shortest: int, longest: int) -> Iterator[Piece]:
    while not piece.faceless and piece.faces[-1] is None:
        piece.faces.pop()
    while len(piece.faces) > longest and not piece.faceless:
        first, piece = _cut(piece, samples, shortest, longest)
        yield first
    if piece.faces:
        yield piece


def _cut(piece: Piece, samples: Samples, shortest: int, longest: int) -> tuple[Piece, Piece]:
    """At a silence in the second half of the longest length, so that the rest is long enough."""
    most = min(longest, len(piece.faces) - shortest)
    least = max(shortest, min(longest // 2, most))
    audio = samples.span(piece.start * SAMPLES_PER_FRAME, piece.stop * SAMPLES_PER_FRAME)
    at = quietest(audio, min(least, most), most)
    looks = -(-at // _LOOK_EVERY)
    first = Piece(piece.start, piece.faces[:at], piece.counts[:looks])
    while piece.faces[at] is None:  # the rest begins with a face
        at += 1
    return first, Piece(piece.start + at, piece.faces[at:], piece.counts[looks:])


def _count(found: list[Face], speaker: Face) -> int:
    """Faces of the speaker's kind of size; the speaker's own where the finder overlooks it."""
    return max(1, sum(face.area >= _OTHER_AREA * speaker.area for face in found))
