"""From a portrait to the face crop that the networks take, and the way back into the image.

An image keeps its size, and the crop is cut from all of its pixels; the detector alone looks at a
reduced copy of a large one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.errors import UserError
from playmate_jax.faces import Crop, Paster, choice_note, pick_face
from playmate_jax.faces.crop import box_square, crop_square, face_square
from playmate_jax.faces.openness import openness
from playmate_jax.faces.search import find_faces
from playmate_jax.faces.warp import sample
from playmate_jax.inference.networks import Networks
from playmate_jax.media import read_image

LEAST_BOX = 16  # pixels: there is no face to see in a smaller square
MOST_SIDE = 16384  # of a video that x264 writes

RgbImage = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class PortraitOptions:
    """Which face of a portrait is animated, and in which frames.

    Attributes:
      face: by falling size from 1; 0 is the largest.
      face_box: left, top and side of a square around the face, from brows to chin, in pixels of the
        upright image: nothing is looked for.
      crop: False takes the middle square of the whole image as the face.
      paste: False leaves the animated face on its own.
      max_side: a larger image is reduced to it; None keeps every size.
    """

    face: int = 0
    face_box: tuple[float, float, float] | None = None
    crop: bool = True
    paste: bool = True
    max_side: int | None = None

    def __post_init__(self):
        if self.face_box is not None and (self.face > 1 or not self.crop):
            other = f"--face {self.face}" if self.crop else "--no-crop"
            raise UserError(
                f"expected --face-box or {other}, found both: each says where the face is, leave "
                "one of them out"
            )
        if not self.crop and self.face > 1:
            raise UserError(
                f"expected --face {self.face} or --no-crop, found both: without detection there "
                "are no faces to choose from"
            )


@dataclass(frozen=True)
class Portrait:
    """An image with one face chosen.

    Attributes:
      face: the crop, square, at the size that the renderer takes.
      size: (width, height) of the frames that `finish` returns.
      blend: an animated face to the part of the frame that changes; may run ahead in a thread.
      finish: what `blend` gave to a frame of the video; the next call may overwrite it.
      box: (left, top, right, bottom) of the crop in the image, in pixels.
      changing: (left, top, right, bottom) of what differs between frames; None: all of it.
      faces_found: 0 where nothing was looked for.
      notice: what the user should know about the choice of the face, if anything.
      openness: how far the left eye, the right eye and the lips are open; None where nothing was
        looked for.
    """

    face: RgbImage
    size: tuple[int, int]
    blend: Callable[[RgbImage], RgbImage]
    finish: Callable[[RgbImage], RgbImage]
    box: tuple[int, int, int, int]
    changing: tuple[int, int, int, int] | None = None
    faces_found: int = 0
    notice: str | None = None
    openness: Float[np.ndarray, "3"] | None = None


def read_portrait(
    portrait: str | Path | RgbImage, networks: Networks, options: PortraitOptions
) -> Portrait:
    """Reads an image by its path, or takes it as it is; finds its face and crops it.

    Raises:
      UserError: no image, no such face in it, or a box that is not in it.
    """
    if isinstance(portrait, np.ndarray):
        name, whole = "", portrait
    else:
        name, whole = str(portrait), read_image(portrait)
    image = _reduced(whole, options.max_side)
    if options.paste:
        _check_side(image, name)
    side, framing = networks.renderer.source_size, networks.framing
    faces, known, notice = 0, None, None
    if not options.crop:
        cut = _middle(image, side)
    elif options.face_box is not None:
        _check_box(options.face_box, whole, name)
        unit = image.shape[1] / whole.shape[1]
        left, top, size = (unit * number for number in options.face_box)
        sides = {key: value for key, value in framing.items() if key != "rotate"}
        cut = crop_square(image, box_square((left, top, size), **sides), side, "edge")
    else:
        found = find_faces(image, networks.landmarker())
        face = pick_face(found, options.face or None, name)
        cut = crop_square(image, face_square(face, **framing), side, "edge")
        faces, known = len(found), openness(face.landmarks)
        notice = choice_note(found, options.face or None)
    if not (options.crop and options.paste):
        size = (networks.renderer.output_size,) * 2
        return Portrait(cut.image, size, _as_it_is, _as_it_is, cut.box, None, faces, notice, known)
    paster = Paster(image, cut.matrix, side)
    size = image.shape[1::-1]
    return Portrait(
        cut.image, size, paster.blend, paster.paint, cut.box, paster.box, faces, notice, known
    )


def _reduced(image: RgbImage, max_side: int | None) -> UInt8[np.ndarray, "height width 3"]:
    scale = max(image.shape[:2]) / (max_side or max(image.shape[:2]))
    if scale <= 1:
        return image
    size = [max(1, round(length / scale)) for length in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _middle(image: RgbImage, size: int) -> Crop:
    """The image's middle square as the face."""
    height, width = image.shape[:2]
    side = min(height, width)
    unit = side / size
    matrix = np.array([[unit, 0.0, (width - side) // 2], [0.0, unit, (height - side) // 2]])
    return Crop(sample(image, matrix, (size, size), "edge"), matrix)


def _check_box(box: tuple[float, float, float], image: RgbImage, name: str) -> None:
    left, top, size = box
    height, width = image.shape[:2]
    found = f"{left:g},{top:g},{size:g}"
    where = f" in '{name}'" if name else ""
    if size < LEAST_BOX:
        raise UserError(
            f"expected a face box of at least {LEAST_BOX} pixels{where}, found {found}: give its "
            "left and top edge and its side in pixels"
        )
    if left < 0 or top < 0 or left + size > width or top + size > height:
        raise UserError(
            f"expected a face box within the image of {width}x{height} pixels{where}, found "
            f"{found}, which reaches from {left:g} to {left + size:g} across and from {top:g} to "
            f"{top + size:g} down: correct it"
        )


def _check_side(image: RgbImage, name: str) -> None:
    if max(image.shape[:2]) > MOST_SIDE:
        raise UserError(
            f"expected an image of at most {MOST_SIDE} pixels a side, as videos have them, found "
            f"{image.shape[1]}x{image.shape[0]}{f' in {name!r}' if name else ''}: reduce it, as by "
            "--max-side 4096"
        )


def _as_it_is(face: RgbImage) -> RgbImage:
    return face
