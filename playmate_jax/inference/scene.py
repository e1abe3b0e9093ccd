"""What is drawn into: a portrait, seen once by F and M, or a source video, seen frame by frame."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.faces import Landmarker
from playmate_jax.faces.openings import openings_of
from playmate_jax.inference.face_renderer import FaceRenderer, Sitter
from playmate_jax.inference.film import read_film
from playmate_jax.inference.portrait import Picture, read_portrait
from playmate_jax.media import is_film
from playmate_jax.motion.layout import FPS


class Scene(NamedTuple):
    """A portrait or source video that the networks know.

    Attributes:
      sitter: of the portrait, or of the video's first frame.
      own: its motion: (70,), or (t, 70) for a video.
      draw: motion (t, 70), and `openings` where they are asked for, to finished frames.
      size: (width, height) of the frames.
      openings: how far left eye, right eye and lips are open, if known: (3,), or (t, 3) for a
        video.
      box, faces_found, notice: as `Portrait` has them.
    """

    sitter: Sitter
    own: Float[np.ndarray, "*t m"]
    draw: Callable[..., Iterator[Picture]]
    size: tuple[int, int]
    openings: Float[np.ndarray, "*t 3"] | None = None
    box: tuple[int, ...] = ()
    faces_found: int = 1
    notice: str | None = None

    @property
    def filmed(self) -> bool:
        """Whether this is a source video."""
        return self.own.ndim == 2


def is_source_video(portrait: str | Path | Picture) -> bool:
    """Whether a portrait is a video; an animated picture is its first frame."""
    return not isinstance(portrait, np.ndarray) and is_film(portrait)


def read_scene(
    portrait: str | Path | Picture,
    landmarker: Callable[[], Landmarker],
    framing: Mapping[str, Any],
    renderer: FaceRenderer,
    longest: int | None,
    *,
    face: int = 0,
    crop: bool = True,
    paste: bool = True,
) -> Scene:
    """A picture, or the first `longest` frames of a video (None: all), looked at by F and M.

    Raises:
      UserError: neither, or no such face in it.
    """
    drawn = lambda: renderer.drawn_size  # noqa: E731
    if not is_source_video(portrait):
        sitting = read_portrait(
            portrait, landmarker, framing, renderer.input_size, drawn, number=face, crop=crop,
            paste=paste,
        )  # fmt: skip
        sitter = renderer.look(sitting.face)

        def draw(motion, openings=None):
            for faces in renderer.draw(sitter, motion, openings):
                yield from map(sitting.finish, faces)

        return Scene(
            sitter, sitter.motion, draw, sitting.size, sitting.openings, sitting.box,
            sitting.faces_found, sitting.notice,
        )  # fmt: skip
    if not crop:
        raise UserError(
            "expected a picture that is a face already, found a source video: leave out --no-crop, "
            "the face is followed through it"
        )
    film = read_film(portrait, landmarker(), framing, renderer, longest, face)
    own = film.motion()
    size = film.reader.size if paste else (drawn(),) * 2
    notice = None
    if longest is not None and len(own) < longest:
        notice = f"the source video ends after {len(own) / FPS:.1f} s, and the result with it"
    sitter = renderer.look(next(film.crops()))
    draw_film = partial(film.draw, paste=paste)
    return Scene(sitter, own, draw_film, size, openings_of(film.track.faces), notice=notice)
