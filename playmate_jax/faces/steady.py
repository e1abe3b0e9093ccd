"""A steady crop: squares smoothed over time, or one that is held."""

import numpy as np

from playmate_jax.faces.crop import Square

SMOOTH_S = 0.3  # follows a moving head, but neither the jaw nor the landmarks' jitter


def smooth_squares(
    squares: list[Square], times: np.ndarray, length: int, sigma: float | None
) -> list[Square]:
    """Squares at the frames `times` -> one for each of `length` frames, smoothed by a Gaussian of
    `sigma` frames (None: their mean). Sides are averaged as logarithms, angles unwrapped."""
    values = np.array([[one.x, one.y, np.log(one.side), one.angle] for one in squares])
    values[:, 3] = np.unwrap(values[:, 3])
    every = np.arange(length)
    filled = np.stack([np.interp(every, times, column) for column in values.T], axis=1)
    if sigma is None:
        smooth = np.repeat(values.mean(0, keepdims=True), length, axis=0)
    elif sigma > 0:
        smooth = _gaussian(filled, sigma)
    else:
        smooth = filled
    return [Square(x, y, float(np.exp(side)), angle) for x, y, side, angle in smooth.tolist()]


def _gaussian(values: np.ndarray, sigma: float) -> np.ndarray:
    """Over the first axis; at the ends the weights of the frames that are there sum to one."""
    reach = int(np.ceil(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    inside = slice(reach, reach + len(values))
    total = np.convolve(np.ones(len(values)), weights)[inside]
    return np.stack([np.convolve(one, weights)[inside] / total for one in values.T], axis=1)
