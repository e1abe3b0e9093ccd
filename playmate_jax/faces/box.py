"""The upright box of a face, as networks that recognise emotions take it: not aligned."""

import cv2
import numpy as np
from jaxtyping import UInt8

from playmate_jax.faces.landmarker import Face


def boxed(
    frame: UInt8[np.ndarray, "h w 3"], face: Face, size: int
) -> UInt8[np.ndarray, "size size 3"] | None:
    """The face's upright box, not square, resized; None where it lies outside the frame."""
    left, top = np.maximum(np.floor(face.box[:2]).astype(int), 0)
    right, bottom = np.ceil(face.box[2:]).astype(int)
    part = frame[top:bottom, left:right]
    if not part.size:
        return None
    method = cv2.INTER_AREA if min(part.shape[:2]) > size else cv2.INTER_LINEAR
    return cv2.resize(part, (size, size), interpolation=method)
