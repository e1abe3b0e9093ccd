"""Putting an animated crop back into its image, under a soft mask.

Outside the mask the image keeps its pixels exactly. Only the crop's bounding box is touched, and
what does not change from frame to frame (the warped mask, the image under it) is computed once.
"""

from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from playmate_jax.faces.warp import bounds, invert, sample


@lru_cache(maxsize=8)
def soft_mask(
    size: int, inner: float = 0.78, outer: float = 0.96, power: float = 4.0
) -> Float32[np.ndarray, "size size"]:
    """1 in the middle, 0 at the crop's edge: a rounded square with a smooth rim.

    `inner`, `outer`: where the rim begins and ends, as parts of half a side, in the norm of that
    `power` (2 is a circle, large ones a square).
    """
    axis = np.abs((np.arange(size) + 0.5) * 2 / size - 1)
    radius = (axis[:, None] ** power + axis[None] ** power) ** (1 / power)
    rest = np.clip((outer - radius) / (outer - inner), 0, 1)
    mask = (rest * rest * (3 - 2 * rest)).astype(np.float32)
    mask.setflags(write=False)  # shared by all callers
    return mask


class Paster:
    """Pastes the frames of one clip into one place of one image.

    Args:
        image: the whole image; a still one for the clip, or the first frame of a video.
        matrix: the map from crop to image, for a crop of `size` pixels.
        size: the side of the crop that `matrix` refers to; frames of another side are scaled.
        mask: 1 where the crop is seen, for a crop of any side; `soft_mask` by default.
    """

    def __init__(
        self,
        image: UInt8[np.ndarray, "h w 3"],
        matrix: Float[np.ndarray, "2 3"],
        size: int,
        mask: Float32[np.ndarray, "s s"] | None = None,
    ):
        self._matrix, self._size = np.asarray(matrix, np.float64), size
        mask = soft_mask(size) if mask is None else mask
        height, width = image.shape[:2]
        left, top, right, bottom = bounds(self._matrix, (size, size), (width, height))
        self.box = (left, top, max(left, right), max(top, bottom))
        deep = np.rint(mask * 255).astype(np.uint8)
        weight = self._placed(deep, mask.shape[0]).astype(np.float32) / 255
        self._weight = np.repeat(weight[..., None], 3, axis=2)
        self._image = image
        self._under = self._below(image)
        self._painted: np.ndarray | None = None

    def __call__(
        self,
        frame: UInt8[np.ndarray, "s s 3"],
        image: UInt8[np.ndarray, "h w 3"] | None = None,
    ) -> UInt8[np.ndarray, "h w 3"]:
        """A copy of the image (or of another one of the same size) with the frame in place."""
        out = (self._image if image is None else image).copy()
        self._onto(out, frame, self._under if image is None else self._below(image))
        return out

    def blend(self, frame: UInt8[np.ndarray, "s s 3"]) -> UInt8[np.ndarray, "bh bw 3"]:
        """What `box` shows with the frame in place; `paint` puts it there."""
        return self._blended(frame, self._under)

    def paint(self, blended: UInt8[np.ndarray, "bh bw 3"]) -> UInt8[np.ndarray, "h w 3"]:
        """The image with what `blend` gave in `box`, in an array that the next call paints over: of
        a large image nothing else is touched."""
        if self._painted is None:
            self._painted = self._image.copy()
        left, top, right, bottom = self.box
        self._painted[top:bottom, left:right] = blended
        return self._painted

    def _onto(self, out: np.ndarray, frame: np.ndarray, under: np.ndarray) -> None:
        left, top, right, bottom = self.box
        out[top:bottom, left:right] = self._blended(frame, under)

    def _blended(self, frame: np.ndarray, under: np.ndarray) -> np.ndarray:
        left, top, right, bottom = self.box
        if right <= left or bottom <= top:
            return np.zeros((bottom - top, right - left, 3), np.uint8)
        over = cv2.multiply(self._placed(frame, frame.shape[0]), self._weight, dtype=cv2.CV_32F)
        # adding in OpenCV rounds to the nearest and keeps to 0..255
        return cv2.add(over, under.astype(np.float32, copy=False), dtype=cv2.CV_8U)

    def _below(self, image: np.ndarray) -> np.ndarray:
        return self._part(image) * (1 - self._weight)

    def _part(self, image: np.ndarray) -> np.ndarray:
        left, top, right, bottom = self.box
        return image[top:bottom, left:right].astype(np.float32)

    def _placed(self, frame: np.ndarray, side: int) -> np.ndarray:
        """A crop of any side, warped into the bounding box."""
        left, top, right, bottom = self.box
        if right <= left or bottom <= top:
            return np.zeros((bottom - top, right - left, *frame.shape[2:]), np.uint8)
        to_image = self._matrix.copy()
        to_image[:, :2] *= self._size / side
        to_image[:, 2] -= (left, top)
        return sample(frame, invert(to_image), (right - left, bottom - top))


def paste_back(
    image: UInt8[np.ndarray, "h w 3"],
    frame: UInt8[np.ndarray, "s s 3"],
    matrix: Float[np.ndarray, "2 3"],
    mask: Float32[np.ndarray, "s s"] | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """Pastes one frame into one image; `matrix` maps the frame's own pixels."""
    return Paster(image, matrix, frame.shape[0], mask)(frame)
