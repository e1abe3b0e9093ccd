"""How close two images are: PSNR over all of it or over a part. Images are floats in [0, 1]."""

import numpy as np
from jaxtyping import Float


def psnr(
    drawn: Float[np.ndarray, "b h w 3"],
    wanted: Float[np.ndarray, "b h w 3"],
    mask: Float[np.ndarray, "b h w"] | None = None,
) -> Float[np.ndarray, " b"]:
    """-10 log10 of the mean squared error of each image, in dB, weighted by `mask` where given.

    An image whose mask is empty gives NaN: there is nothing to compare.
    """
    error = np.square(np.clip(drawn, 0, 1) - wanted).mean(axis=-1)
    if mask is None:
        mean = error.mean(axis=(1, 2))
    else:
        area = mask.sum(axis=(1, 2))
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = (error * mask).sum(axis=(1, 2)) / area
    return -10.0 * np.log10(np.maximum(mean, 1e-10))
