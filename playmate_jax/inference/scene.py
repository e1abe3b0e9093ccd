"""What is drawn into: a portrait, seen once by F and M, or a source video, seen frame by frame."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.faces import Landmarker
from playmate_jax.faces.openness import openness_of
from playmate_jax.inference.face_renderer import FaceRenderer, SourceFace
from playmate_jax.inference.portrait import RgbImage, read_portrait
from playmate_jax.inference.source_video import read_source_video
from playmate_jax.media import is_video
from playmate_jax.motion.layout import FPS


class Scene(NamedTuple):
    """A portrait or source video that the networks know.

    Attributes:
      source_face: of the portrait, or of the video's first frame.
      own: its motion: (70,), or (t, 70) for a video.
      draw: motion (t, 70), and `openness` where they are asked for, to finished frames.
      size: (width, height) of the frames.
      openness: how far left eye, right eye and lips are open, if known: (3,), or (t, 3) for a
        video.
      box, faces_found, notice: as `Portrait` has them.
    """

    source_face: SourceFace
    own: Float[np.ndarray, "*t m"]
    draw: Callable[..., Iterator[RgbImage]]
    size: tuple[int, int]
    openness: Float[np.ndarray, "*t 3"] | None = None
    box: tuple[int, ...] = ()
    faces_found: int = 1
    notice: str | None = None

    @property
    def is_video(self) -> bool:
        """Whether this is a source video."""
        return self.own.ndim == 2


def is_source_video(portrait: str | Path | RgbImage) -> bool:
    """Whether a portrait is a video, which an animated image is too."""
    return not isinstance(portrait, np.ndarray) and is_video(portrait)


def read_scene(
    portrait: str | Path | RgbImage,
    landmarker: Callable[[], Landmarker],
    framing: Mapping[str, Any],
    renderer: FaceRenderer,
    longest: int | None,
    *,
    face: int = 0,
    crop: bool = True,
    paste: bool = True,
    remarks: list[str] | None = None,
) -> Scene:
    """An image, or the first `longest` frames of a video (None: all), looked at by F and M.

    Args:
      remarks: what the user should know of the video file is appended.

    Raises:
      UserError: neither, or no such face in it.
    """
    drawn = lambda: renderer.output_size  # noqa: E731
    if not is_source_video(portrait):
        portrait_face = read_portrait(
            portrait, landmarker, framing, renderer.input_size, drawn, number=face, crop=crop,
            paste=paste,
        )  # fmt: skip
        source_face = renderer.encode_source(portrait_face.face)

        def draw(motion, openness=None):
            for faces in renderer.draw(source_face, motion, openness):
                yield from map(portrait_face.finish, faces)

        return Scene(
            source_face, source_face.motion, draw, portrait_face.size, portrait_face.openness,
            portrait_face.box, portrait_face.faces_found, portrait_face.notice,
        )  # fmt: skip
    if not crop:
        raise UserError(
            "expected an image that is a face already, found a source video: leave out --no-crop, "
            "the face is followed through it"
        )
    video = read_source_video(portrait, landmarker(), framing, renderer, longest, face)
    own = video.motion()
    size = video.reader.size if paste else (drawn(),) * 2
    notice = None
    if longest is not None and len(own) < longest:
        notice = f"the source video ends after {len(own) / FPS:.1f} s, and the result with it"
    source_face = renderer.encode_source(next(video.crops()))
    draw_video = partial(video.draw, paste=paste)
    if remarks is not None:
        remarks.extend(video.reader.remarks)
    return Scene(source_face, own, draw_video, size, openness_of(video.track.faces), notice=notice)
