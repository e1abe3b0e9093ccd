"""FFHQ's alignment of a face, from its eyes and mouth (Karras et al., 2019, appendix A).

With e the vector between the eyes, m the vector from their middle to the mouth's, the crop is the
square whose x axis points along e + m turned by a quarter to the eyes' side, whose half side is
max(2 |e|, 1.8 |m|), and whose middle lies m / 10 under the eyes. A frontal face fills it from the
hair to below the chin; roll is taken out.

In a video one square, the mean over the clip, keeps the crop steady: the head moves and turns
within it, which is what a renderer has to learn; only the camera's or the sitter's constant tilt
goes.
"""

from collections.abc import Sequence

import numpy as np

from playmate_jax.faces.crop import Square
from playmate_jax.faces.landmarker import Face
from playmate_jax.faces.track import smooth_squares


def ffhq_square(face: Face) -> Square:
    """Where FFHQ's crop of a face lies."""
    left, right = np.asarray(face.eye_centres, np.float64)
    eyes, middle = right - left, (left + right) / 2
    mouth = face.mouth_centre - middle
    across = eyes + np.array([mouth[1], -mouth[0]])
    half = max(2.0 * float(np.hypot(*eyes)), 1.8 * float(np.hypot(*mouth)))
    x, y = middle + 0.1 * mouth
    return Square(float(x), float(y), 2 * half, float(np.arctan2(across[1], across[0])))


def steady_ffhq_square(faces: Sequence[Face]) -> Square:
    """One square for all frames of a clip: the mean place, side and tilt."""
    squares = [ffhq_square(face) for face in faces]
    return smooth_squares(squares, np.arange(len(squares)), 1, None)[0]
