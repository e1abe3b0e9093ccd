"""Whether a face is the same person as before, by colours of head and clothes, and face texture.

Needed where tracking cannot decide: after a cut, or when a face jumps. FFHQ's aligned crop of each
face is compared with earlier crops of the person; the nearest one counts:

    colours    histograms of 6 x 6 x 6 RGB bins over the crop: hair, skin, clothes, backdrop; half
               the sum of absolute differences, 0 to 1
    texture    local binary patterns (Ojala et al., 2002) of 4 x 4 cells; mean chi-square distance

Over seven real talking heads, lit 15 % brighter or darker, warmer, shifted, or enlarged from 48
pixels, a person's own sums of the two lie below 0.79 and textures below 0.32; those of different
persons above 0.82 and 0.34. Place and size do not help there (a conversation shows its people at
the same place), nor do proportions of the landmarks, which differ as much with expression and pose.
This is no face recognition: the same person in other light and other clothes is taken for another
one, and two people alike in both may be taken for one.
"""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.faces.crop import Square
from playmate_jax.faces.ffhq import ffhq_square
from playmate_jax.faces.landmarker import Face
from playmate_jax.faces.warp import sample

_SIDE = 64
_BINS = 6  # of each colour
_CELL, _CELLS = 15, 4  # pixels, a side
_MOST_TEXTURE, _MOST = 0.34, 0.8  # of a person's own: texture, and texture and colours together
_EVERY, _KEPT = 10, 48  # sightings of one that is kept, and how many are at most


class Appearance(NamedTuple):
    """How a face looks: shares of colours, and shares of texture patterns in each cell."""

    colours: Float[np.ndarray, "n"]
    texture: Float[np.ndarray, "cells patterns"]


def appearance(image: UInt8[np.ndarray, "h w 3"], square: Square) -> Appearance:
    """The appearance of the crop that `square` cuts from an image."""
    crop = sample(image, square.matrix(_SIDE), (_SIDE, _SIDE), "edge")
    colours = cv2.calcHist([crop], [0, 1, 2], None, [_BINS] * 3, [0, 256] * 3).reshape(-1)
    return Appearance(colours / colours.sum(), _texture(crop))


def difference(one: Appearance, other: Appearance) -> tuple[float, float]:
    """(of the textures, of the colours), each from 0 on."""
    both = one.texture + other.texture + 1e-9
    texture = float(((one.texture - other.texture) ** 2 / both).sum(1).mean())
    return texture, float(np.abs(one.colours - other.colours).sum() / 2)


class Person:
    """A person who is tracked: a sample of their appearances so far."""

    def __init__(self) -> None:
        self._seen: list[Appearance] = []
        self._every, self._sightings = _EVERY, 0

    @property
    def known(self) -> bool:
        """Whether the person has been seen before."""
        return bool(self._seen)

    def saw(self, image: UInt8[np.ndarray, "h w 3"], face: Face) -> None:
        """Stores an appearance; at most `_KEPT` are kept, spread over all frames given."""
        if self._sightings % self._every == 0:
            self._seen.append(appearance(image, ffhq_square(face)))
            if len(self._seen) > _KEPT:
                del self._seen[1::2]
                self._every *= 2
        self._sightings += 1

    def among(self, image: UInt8[np.ndarray, "h w 3"], faces: list[Face]) -> Face | None:
        """The face of this person, None where none is similar enough."""
        likely = [(self._unlike(image, face), i) for i, face in enumerate(faces)]
        least, nearest = min(likely, default=(np.inf, 0))
        return faces[nearest] if least <= 1 else None

    def _unlike(self, image: np.ndarray, face: Face) -> float:
        """Distance of a face to the person, from 0; above 1 it is another person."""
        now = appearance(image, ffhq_square(face))
        pairs = [difference(now, before) for before in self._seen]
        return min(max(t / _MOST_TEXTURE, (t + c) / _MOST) for t, c in pairs)


def _texture(crop: UInt8[np.ndarray, "s s 3"]) -> Float[np.ndarray, "cells patterns"]:
    """How often each pattern of brighter neighbours occurs in each cell; two of the eight
    neighbours are left out, so that 64 patterns fill their cells."""
    gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    inner = gray[1:-1, 1:-1]
    steps = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
    around = [gray[1 + y : _SIDE - 1 + y, 1 + x : _SIDE - 1 + x] for y, x in steps]
    codes = sum((near >= inner).astype(np.uint8) << bit for bit, near in enumerate(around))
    codes = (np.asarray(codes) >> 2)[: _CELL * _CELLS, : _CELL * _CELLS]
    cells = codes.reshape(_CELLS, _CELL, _CELLS, _CELL).swapaxes(1, 2).reshape(_CELLS**2, -1)
    return np.stack([np.bincount(cell, minlength=64) for cell in cells]) / _CELL**2
