"""A source video: the person in it speaks something else, or makes another face (lip-dub).

Three passes over the file, none of which keeps frames: the face is tracked; M estimates the
motion of its crops; and each frame is rendered from itself (F sees every frame) and pasted back
where it was. The video keeps its frame rate. A frame that does not show the face stays as it is,
and towards such a gap, where no cut hides it, the new motion fades into the video's own.
"""

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import chain, islice
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.faces import FaceTrack, paste_back, track_video
from playmate_jax.faces.warp import sample
from playmate_jax.inference.ahead import ahead
from playmate_jax.inference.face_renderer import FaceRenderer, Openness
from playmate_jax.inference.networks import Networks
from playmate_jax.inference.video_frames import DECODED, VideoPrefix, steady_rate
from playmate_jax.motion.gaps import EASE_S, held_and_eased, spans, strength, unwrapped
from playmate_jax.motion.layout import FPS

Frame = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class SourceVideo:
    """One face of a video, followed through all of its frames."""

    reader: VideoPrefix
    track: FaceTrack
    renderer: FaceRenderer

    def __len__(self) -> int:
        return len(self.track.faces)

    @cached_property
    def steady_fps(self) -> Fraction | None:
        """The video's constant frame rate; None where it varies."""
        return steady_rate(self.track.times_s, self.reader.fps)

    @property
    def fps(self) -> Fraction:
        """The constant rate, or the mean of one that varies."""
        return self.steady_fps or len(self) / self.duration_s

    @cached_property
    def times_s(self) -> list[Fraction]:
        """When each frame is shown."""
        fps = self.steady_fps
        return [i / fps for i in range(len(self))] if fps else self.track.times_s

    @property
    def seconds(self) -> Float[np.ndarray, "t"]:
        """When each frame is shown, in seconds as floats."""
        return np.array([float(time) for time in self.times_s])

    @property
    def duration_s(self) -> Fraction:
        """Duration of all frames, in seconds."""
        return self.times_s[-1] + 1 / (self.steady_fps or self.reader.fps)

    @property
    def frames_at_25(self) -> int:
        """How many frames of the motion it takes."""
        return ceil(self.duration_s * FPS)

    @property
    def gaps_s(self) -> list[tuple[float, float]]:
        """(first, last second) of the spans that do not show the face."""
        return self.track.gaps_s(self.duration_s)

    @cached_property
    def strength(self) -> Float[np.ndarray, "t"]:
        """How much of another motion each frame takes, 0 to 1."""
        return strength(self.track.seen, self.track.cuts, self._eased)

    @property
    def _eased(self) -> int:
        return round(EASE_S * self.fps)

    def crops(self) -> Iterator[Frame]:
        """The face in every frame that shows it, as M takes it."""
        return self.track.crops(self.reader, self.renderer.input_size, "edge")

    def motion(self) -> Float[np.ndarray, "t m"]:
        """M's motion of every frame; in gaps without the face it is held and eased."""
        motion = unwrapped(self.renderer.motion_of_all(self.crops()))
        seen = self.track.seen
        # a cut in the video itself is no jump to be eased
        return held_and_eased(motion, seen, np.zeros_like(seen), self._eased)

    def draw(
        self,
        motion: Float[np.ndarray, "t m"],
        openness: Openness | None = None,
        paste: bool = True,
    ) -> Generator[Frame]:
        """Every frame with its face in another motion; without `paste` the face alone. Decoding,
        drawing and pasting run ahead, in threads."""
        with ahead(self._finished(motion, openness, paste), DECODED) as frames:
            yield from frames

    def _finished(
        self, motion: Float[np.ndarray, "t m"], openness: Openness | None, paste: bool
    ) -> Iterator[Frame]:
        frames = (frame.image for frame in self.reader.frames())
        begun = 0
        for start, stop in spans(self.track.seen[: len(motion)]):
            untouched = islice(frames, start - begun)
            yield from untouched if paste else self._bare(untouched, begun)
            part = slice(start, stop)
            asked = None
            if openness is not None:
                asked = Openness(openness.own[part], openness.wanted[part])
            yield from self._drawn(frames, part, motion[part], asked, paste)
            begun = stop
        untouched = islice(frames, len(motion) - begun)
        yield from untouched if paste else self._bare(untouched, begun)

    def _bare(self, frames: Iterator[Frame], first: int) -> Iterator[Frame]:
        """Crops of frames from `first` on that do not show the face, where it was seen last."""
        places = [square for square in self.track.squares[:first] if square is not None][-1:]
        places += [square for square in self.track.squares if square is not None][:1]
        side = self.renderer.output_size
        for frame in frames:
            yield sample(frame, places[0].matrix(side), (side, side), "edge")

    def _drawn(
        self,
        frames: Iterator[Frame],
        part: slice,
        motion: Float[np.ndarray, "n m"],
        openness: Openness | None,
        paste: bool,
    ) -> Iterator[Frame]:
        """Frames that all show the face."""
        waiting: deque[tuple[Frame, Any]] = deque()  # three batches of whole frames at most
        size = self.renderer.source_size

        def crops() -> Iterator[Frame]:
            squares = [square for square in self.track.squares[part] if square is not None]
            for frame, square in zip(islice(frames, len(squares)), squares, strict=False):
                waiting.append((frame, square))
                yield sample(frame, square.matrix(size), (size, size), "edge")

        with ahead(self.renderer.draw_each(crops(), motion, openness), 1) as batches:
            for face in chain.from_iterable(batches):
                frame, square = waiting.popleft()
                yield paste_back(frame, face, square.matrix(face.shape[0])) if paste else face


def read_source_video(
    path: str | Path, networks: Networks, until_s: Fraction | None, number: int = 0
) -> SourceVideo:
    """Follows the face through a video's frames before `until_s` (None: all).

    Raises:
      UserError: no video, or no face in it.
    """
    reader = VideoPrefix(path, until_s, lively=True)
    track = track_video(
        reader, networks.landmarker(), number or None, least=0.0, **networks.framing
    )
    return SourceVideo(reader, track, networks.renderer)
