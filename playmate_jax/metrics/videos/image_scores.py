"""Two images compared pixel by pixel: PSNR and SSIM of uint8 RGB, and what they are of a clip."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

_WINDOW = 7  # pixels; uniform
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(one: UInt8[np.ndarray, "h w 3"], other: UInt8[np.ndarray, "h w 3"]) -> float:
    """10 log10 (255^2 / mean squared error) in dB; infinite where the images are equal."""
    error = float(np.square(one.astype(np.float64) - other).mean())
    return float("inf") if error == 0 else 10 * float(np.log10(255.0**2 / error))


def ssim(one: UInt8[np.ndarray, "h w 3"], other: UInt8[np.ndarray, "h w 3"]) -> float:
    """Structural similarity (Wang et al. 2004) as scikit-image's `structural_similarity` has it by
    default with `channel_axis=-1`: uniform windows of 7 x 7 inside the image, unbiased variances,
    K of 0.01 and 0.03, the mean of the three channels. Images have at least 7 pixels a side."""
    x, y = one.astype(np.float64), other.astype(np.float64)
    mx, my, xx, yy, xy = (_window_mean(v) for v in (x, y, x * x, y * y, x * y))
    unbiased = _WINDOW**2 / (_WINDOW**2 - 1)
    vx, vy, cov = (unbiased * v for v in (xx - mx * mx, yy - my * my, xy - mx * my))
    found = (2 * mx * my + _C1) * (2 * cov + _C2)
    return float((found / ((mx * mx + my * my + _C1) * (vx + vy + _C2))).mean())


def _window_mean(x: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h2 w2 3"]:
    edge = _WINDOW // 2
    return cv2.blur(x, (_WINDOW, _WINDOW))[edge:-edge, edge:-edge]


def clip_psnr(values: Float[np.ndarray, " n"]) -> float:
    """The mean over frames, those left out that are equal to the reference's: infinite where all
    are, else one copied frame (many systems begin with the source) would make it so."""
    values = np.asarray(values, np.float64)
    finite = values[np.isfinite(values)]
    if not len(values):
        return float("nan")
    return float(finite.mean()) if len(finite) else float("inf")
