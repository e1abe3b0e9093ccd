"""A visible mark: a small label "AI-generated" in the lower right corner of every frame.

It is opaque, so that frames of one video differ where they differ without it, and nowhere else.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from jaxtyping import UInt8

TEXT = "AI-generated"
_FONT, _FINER = cv2.FONT_HERSHEY_SIMPLEX, 4  # drawn that much larger, then reduced
_HEIGHT, _LEAST = 1 / 26, 14  # of the label: part of the shorter side, and pixels
_WIDEST = 0.6  # part of the image's width
_GROUND, _INK = (24, 24, 24), (255, 255, 255)


class Mark:
    """The label for frames of one size.

    Args:
      size: (width, height) of the frames.

    Attributes:
      label: uint8 RGB.
      place: rows and columns of the frame that it takes.
    """

    def __init__(self, size: tuple[int, int]):
        width, height = size
        tall = max(_LEAST, round(_HEIGHT * min(size)))
        drawn = _drawn(_FINER * tall)
        wide = min(round(drawn.shape[1] / _FINER), int(_WIDEST * width))
        tall = max(1, min(tall, round(wide * drawn.shape[0] / drawn.shape[1])))
        self.label = cv2.resize(drawn, (max(1, wide), tall), interpolation=cv2.INTER_AREA)
        gap = tall // 2
        tall, wide = self.label.shape[:2]
        bottom, right = max(tall, height - gap), max(wide, width - gap)
        self.place = np.s_[bottom - tall : bottom, right - wide : right]

    @contextmanager
    def on(self, frame: UInt8[np.ndarray, "h w 3"]) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """The frame with the label, within the block; afterwards `frame` is as it was."""
        if not frame.flags.writeable:
            frame = frame.copy()
        below = frame[self.place].copy()
        frame[self.place] = self.label
        try:
            yield frame
        finally:
            frame[self.place] = below


def _drawn(tall: int) -> UInt8[np.ndarray, "h w 3"]:
    """The label, `tall` pixels high."""
    thick = max(1, round(tall / 18))
    scale = 0.46 * tall / cv2.getTextSize(TEXT, _FONT, 1.0, 1)[0][1]
    (wide, high), _ = cv2.getTextSize(TEXT, _FONT, scale, thick)
    image = np.full((tall, wide + round(0.7 * tall), 3), _GROUND, np.uint8)
    at = round(0.35 * tall), (tall + high) // 2
    return cv2.putText(image, TEXT, at, _FONT, scale, _INK, thick, cv2.LINE_AA)
