"""A source video: the person in it speaks something else, or makes another face (lip-dub).

Three passes over the file, none of which keeps frames: the face is followed; M tells the motion of
its crops; and each frame is drawn anew from itself (F sees every frame) and pasted back where it
was.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.faces import FaceTrack, Landmarker, paste_back, track_video
from playmate_jax.faces.warp import sample
from playmate_jax.inference.face_renderer import FaceRenderer, Openness
from playmate_jax.media import VideoReader
from playmate_jax.motion.layout import FPS

Frame = UInt8[np.ndarray, "h w 3"]


class VideoPrefix(VideoReader):
    """A video's first frames: its rest is never decoded. None takes them all."""

    def __init__(self, path, count: int | None):
        super().__init__(path)
        self._count = count

    def frames_at(self, fps=None) -> Iterator[Frame]:
        return islice(super().frames_at(fps), self._count)


@dataclass(frozen=True)
class SourceVideo:
    """One face of a video, followed at 25 fps."""

    reader: VideoReader
    track: FaceTrack
    renderer: FaceRenderer

    def __len__(self) -> int:
        return len(self.track.squares)

    def crops(self) -> Iterator[Frame]:
        """The face in every frame, as M and F take it."""
        return self.track.crops(self.reader, self.renderer.input_size, "edge")

    def motion(self) -> Float[np.ndarray, "t m"]:
        """What M says of every frame."""
        return self.renderer.motion_of_all(self.crops())

    def draw(
        self,
        motion: Float[np.ndarray, "t m"],
        openness: Openness | None = None,
        paste: bool = True,
    ) -> Iterator[Frame]:
        """Every frame with its face in another motion; without `paste` the face alone."""
        waiting: deque[tuple[Frame, Any]] = deque()  # a batch or two of whole frames
        size = self.renderer.input_size

        def crops() -> Iterator[Frame]:
            for frame, square in zip(self.reader.frames_at(FPS), self.track.squares, strict=False):
                waiting.append((frame, square))
                yield sample(frame, square.matrix(size), (size, size), "edge")

        for faces in self.renderer.draw_each(crops(), motion, openness):
            for face in faces:
                frame, square = waiting.popleft()
                yield paste_back(frame, face, square.matrix(face.shape[0])) if paste else face


def read_source_video(
    path,
    landmarker: Landmarker,
    framing: Mapping[str, Any],
    renderer: FaceRenderer,
    longest: int | None,
    number: int = 0,
) -> SourceVideo:
    """Follows the face through a video's first `longest` frames (None: all).

    Raises:
      UserError: no video, or no face throughout it.
    """
    reader = VideoPrefix(path, longest)
    track = track_video(reader, landmarker, FPS, number or None, **framing)
    return SourceVideo(reader, track, renderer)
