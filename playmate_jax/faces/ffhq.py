"""FFHQ's alignment of a face, from its eyes and mouth (Karras et al., 2019, appendix A).

With e the vector between the eyes, m the vector from their middle to the mouth's, the crop is the
square whose x axis points along e + m turned by a quarter to the eyes' side, whose half side is
max(2 |e|, 1.8 |m|), and whose middle lies m / 10 under the eyes. A frontal face fills it from the
hair to below the chin; roll is taken out.

In a video the crop is steady: it follows where the head dwells, not how it nods, and is turned by
the clip's mean tilt alone. Within it the head moves and turns, which is what a renderer has to
learn.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from playmate_jax.faces.crop import Square
from playmate_jax.faces.landmarker import Face
from playmate_jax.faces.steady import smooth_squares


def ffhq_square(face: Face) -> Square:
    """Where FFHQ's crop of a face lies."""
    left, right = np.asarray(face.eye_centres, np.float64)
    eyes, middle = right - left, (left + right) / 2
    mouth = face.mouth_centre - middle
    across = eyes + np.array([mouth[1], -mouth[0]])
    half = max(2.0 * float(np.hypot(*eyes)), 1.8 * float(np.hypot(*mouth)))
    x, y = middle + 0.1 * mouth
    return Square(float(x), float(y), 2 * half, float(np.arctan2(across[1], across[0])))


def steady_ffhq_squares(faces: Sequence[Face | None], sigma: float) -> list[Square]:
    """A square for every frame of a clip, smoothed by a Gaussian of `sigma` frames, at the mean
    tilt; one face at least was seen."""
    seen = [i for i, face in enumerate(faces) if face is not None]
    squares = [ffhq_square(face) for face in faces if face is not None]
    tilt = float(np.unwrap([square.angle for square in squares]).mean())
    steady = smooth_squares(squares, np.array(seen), len(faces), sigma)
    return [replace(square, angle=tilt) for square in steady]
