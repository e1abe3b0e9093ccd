"""From a portrait to the face crop that the networks take, and the way back into the image."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.faces import Landmarker, Paster, choice_note, crop_face, pick_face
from playmate_jax.faces.openness import openness
from playmate_jax.faces.warp import sample
from playmate_jax.media import read_image

MAX_SIDE = 1280  # a larger portrait is reduced to it, as LivePortrait does

RgbImage = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class Portrait:
    """An image with one face chosen.

    Attributes:
      face: the crop, square, at the size the networks take.
      size: (width, height) of the frames that `finish` returns, for synthetic faces of
        `output_size`.
      finish: a synthetic face to a frame of the video.
      box: (left, top, right, bottom) of the crop in the image, in pixels.
      faces_found: 0 where nothing was looked for.
      notice: what the user should know about the choice of the face, if anything.
      openness: how far the left eye, the right eye and the lips are open; None where nothing was
        looked for.
    """

    face: RgbImage
    size: tuple[int, int]
    finish: Callable[[RgbImage], RgbImage]
    box: tuple[int, int, int, int]
    faces_found: int = 0
    notice: str | None = None
    openness: Float[np.ndarray, "3"] | None = None


def read_portrait(
    portrait: str | Path | RgbImage,
    landmarker: Callable[[], Landmarker],
    framing: Mapping[str, Any],
    input_size: int,
    output_size: Callable[[], int],
    *,
    number: int = 0,
    crop: bool = True,
    paste: bool = True,
) -> Portrait:
    """Reads an image, finds its face and crops it.

    Args:
      portrait: a path, or the image itself.
      landmarker: called only when a face is looked for.
      framing: arguments of `faces.crop_face` that the weights were trained with.
      input_size, output_size: sides of the images that the networks take and draw; the second is
        asked for only where it matters.
      number: which face, by falling size from 1; 0 is the largest.
      crop: False takes the middle square of the whole image as the face.
      paste: False leaves the synthetic face on its own.

    Raises:
      UserError: no image, or no such face in it.
    """
    if isinstance(portrait, np.ndarray):
        name, image = "", portrait
    else:
        name, image = str(portrait), read_image(portrait, max_side=MAX_SIDE)
    if not crop:
        return _whole(image, input_size, output_size())
    faces = landmarker().detect(image)
    face = pick_face(faces, number or None, name)
    cut = crop_face(image, face, input_size, border="edge", **framing)
    corners = cut.matrix @ np.array(
        [[0, input_size, 0, input_size], [0, 0, input_size, input_size], [1, 1, 1, 1]]
    )
    box = (*np.floor(corners.min(1)).astype(int), *np.ceil(corners.max(1)).astype(int))
    left, top, right, bottom = (int(side) for side in box)
    size: tuple[int, int]
    finish: Callable[[RgbImage], RgbImage]
    if paste:
        size, finish = image.shape[1::-1], Paster(image, cut.matrix, input_size)
    else:
        size, finish = (output_size(),) * 2, _as_it_is
    notice = choice_note(faces, number or None)
    return Portrait(
        cut.image, size, finish, (left, top, right, bottom), len(faces), notice,
        openness(face.landmarks),
    )  # fmt: skip


def _whole(image: RgbImage, input_size: int, output_size: int) -> Portrait:
    """The image's middle square as the face."""
    height, width = image.shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    unit = side / input_size
    matrix = np.array([[unit, 0.0, left], [0.0, unit, top]])
    face = sample(image, matrix, (input_size, input_size), "edge")
    box = (left, top, left + side, top + side)
    return Portrait(face, (output_size, output_size), _as_it_is, box)


def _as_it_is(face: RgbImage) -> RgbImage:
    return face
