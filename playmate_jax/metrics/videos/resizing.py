"""Resizing as each reference implementation does it, as a matrix for each axis.

Any separable resize of n pixels to m is a matrix (m, n); an image is `rows @ image @ columns.T`.
So the three published ways to InceptionV3's 299 x 299 differ in a table of numbers alone:

    pytorch-fid      bilinear between pixels' centres, no antialiasing; [0, 1] becomes 2x - 1
    torch-fidelity   TensorFlow 1's bilinear, pixels' corners; (x - 128) / 128 of 0 ... 255
    clean-fid        Pillow's bicubic with antialiasing, cut to 0 ... 255; (x - 128) / 128

Parmar et al. 2022 show how far apart their FIDs are.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

CONVENTIONS = ("pytorch-fid", "torch-fidelity", "clean-fid")
_BICUBIC = -0.5  # Pillow's a


@functools.cache
def resize_matrix(kind: str, n: int, m: int) -> Float[np.ndarray, "m n"]:
    """Weights of the n pixels in each of m.

    Args:
      kind: "bilinear", "tf1" or "bicubic", see above.
    """
    scale = n / m
    if kind == "bicubic":
        centres, stretch = (np.arange(m) + 0.5) * scale, max(scale, 1.0)
        low = np.maximum(0, np.floor(centres - 2 * stretch + 0.5))
        high = np.minimum(n, np.floor(centres + 2 * stretch + 0.5))
        at = np.arange(n)
        inside = (at >= low[:, None]) & (at < high[:, None])
        weights = _cubic((at + 0.5 - centres[:, None]) / stretch) * inside
        return weights / weights.sum(1, keepdims=True)
    where = np.arange(m) * scale if kind == "tf1" else (np.arange(m) + 0.5) * scale - 0.5
    where = np.clip(where, 0, n - 1)
    left = np.floor(where).astype(int)
    weights = np.zeros((m, n))
    weights[np.arange(m), left] = 1 - (where - left)
    weights[np.arange(m), np.minimum(left + 1, n - 1)] += where - left
    return weights


def _cubic(x: Float[np.ndarray, "m n"]) -> Float[np.ndarray, "m n"]:
    x, a = np.abs(x), _BICUBIC
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def resize(
    images: Float[Array, "*b h w 3"], kind: str, size: int
) -> Float[Array, "*b size size 3"]:
    """Images in any range as squares of `size`; aspect ratios are not kept."""
    rows, columns = (
        jnp.asarray(resize_matrix(kind, n, size), images.dtype) for n in images.shape[-3:-1]
    )
    highest = jax.lax.Precision.HIGHEST  # TF32 would move the third digit
    return jnp.einsum("ph,...hwc,qw->...pqc", rows, images, columns, precision=highest)


def inception_input(
    images: UInt8[Array, "b h w 3"], convention: str, size: int
) -> Float[Array, "b size size 3"]:
    """What models/inception.py takes, by one of CONVENTIONS: it makes 2x - 1 of it."""
    pixels = images.astype(jnp.float32)
    if convention == "pytorch-fid":
        return resize(pixels / 255.0, "bilinear", size)
    if convention == "torch-fidelity":
        return resize(pixels, "tf1", size) / 256.0
    return jnp.clip(resize(pixels, "bicubic", size), 0.0, 255.0) / 256.0
