"""The perceptual loss (Johnson et al. 2016) on an image pyramid, as FOMM's and face-vid2vid's.

Images at full size and at 1/2, 1/4 and 1/8 go through VGG19 (`models/vgg19.py`); the features of
an image are compared with those of the wanted one by their mean absolute difference. Images are
(b, h, w, 3) in [0, 1].
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from playmate_jax.errors import UserError
from playmate_jax.losses.rows import absolute, row_mean, total
from playmate_jax.parallel.share import Mean

# Images to taps; a closure over the variables of a frozen network.
Features = Callable[[Float[Array, "b h w 3"]], Mapping[str, Float[Array, "b _ _ _"]]]

SCALES = (1.0, 0.5, 0.25, 0.125)
# face-vid2vid's; its overall weight of 10 belongs to the stage
TAP_WEIGHTS = {
    "relu1_1": 1 / 32, "relu2_1": 1 / 16, "relu3_1": 1 / 8, "relu4_1": 1 / 4, "relu5_1": 1.0,
}  # fmt: skip


def gaussian(scale: float) -> Float[np.ndarray, " n"]:
    """FOMM's low-pass filter before downsampling by `scale`: std (1 / scale - 1) / 2 in pixels,
    2 round(4 std) + 1 taps, of sum 1."""
    std = (1 / scale - 1) / 2
    reach = round(4 * std)
    if not reach:
        return np.ones(1)
    taps = np.exp(-np.square(np.arange(-reach, reach + 1)) / (2 * std**2))
    return taps / taps.sum()


def downsampling(size: int, scale: float) -> Float[np.ndarray, "m n"]:
    """The matrix that filters n pixels (zero beyond their ends) and keeps every (1 / scale)-th."""
    taps = gaussian(scale)
    kept = np.arange(0, size, round(1 / scale))
    offset = np.arange(size) - kept[:, None] + len(taps) // 2
    inside = (offset >= 0) & (offset < len(taps))
    return np.where(inside, taps[np.clip(offset, 0, len(taps) - 1)], 0.0)


def pyramid(
    image: Float[Array, "b h w c"], scales: tuple[float, ...] = SCALES
) -> list[Float[Array, "b _ _ c"]]:
    """The image at every scale (1 / an integer), anti-aliased as FOMM does it.

    A Gaussian is separable: two matrix products per scale, cheaper to compile and to run on a CPU
    than a convolution per channel.
    """
    return [image if scale == 1 else _downsampled(image, scale) for scale in scales]


def _downsampled(image: Float[Array, "b h w c"], scale: float) -> Float[Array, "b _ _ c"]:
    rows, columns = (
        jnp.asarray(downsampling(size, scale), image.dtype) for size in image.shape[1:3]
    )
    precision = jax.lax.Precision.HIGHEST  # TF32 would show in the finest features
    image = jnp.einsum("ih,bhwc->biwc", rows, image, precision=precision)
    return jnp.einsum("jw,biwc->bijc", columns, image, precision=precision)


def perceptual(
    features: Features,
    drawn: Float[Array, "b h w 3"],
    wanted: Float[Array, "b h w 3"],
    weights: Mapping[str, float] = TAP_WEIGHTS,
    scales: tuple[float, ...] = SCALES,
) -> Mean:
    """Weighted sum over scales and taps of the mean |V(drawn) - V(wanted)|.

    No gradient flows into `wanted`.

    Raises:
      UserError: the images are too small for the network at the smallest scale.
    """
    targets = pyramid(jax.lax.stop_gradient(wanted), scales)
    terms = []
    for scale, image, target in zip(scales, pyramid(drawn, scales), targets, strict=True):
        found, expected = taps(features, image, weights), taps(features, target, weights)
        if not all(value.size for value in found.values()):
            raise UserError(
                f"expected images that VGG19 can take at {scale:g} of their size, found "
                f"{drawn.shape[1]} x {drawn.shape[2]} pixels: use larger images or fewer scales"
            )
        # The target's features would be differentiated with respect to nothing; this says so.
        terms += [
            row_mean(weight * absolute(found[name] - jax.lax.stop_gradient(expected[name])))
            for name, weight in weights.items()
        ]
    return total(terms)


def taps(
    features: Features, image: Float[Array, "b h w 3"], names: Mapping[str, float]
) -> dict[str, Float[Array, "b _ _ _"]]:
    """The named features of an image."""
    found = features(image)
    return {name: found[name] for name in names}
