"""Losses between two images, and between a warp and its truth: pure functions."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.models.resampling import mean_pool
from playmate_jax.models.small.head_motion import image_heat_maps


def focus(
    keypoints: Float[Array, "b k 3"], size: int, std: float, extra: float
) -> Float[Array, "b size size 1"]:
    """1 everywhere, up to 1 + `extra` near the keypoints (Gaussians, clipped where they add up)."""
    near = jnp.sum(image_heat_maps(keypoints, size, size, std), axis=-1, keepdims=True)
    return 1.0 + extra * jnp.minimum(near, 1.0)


def weighted_l1(
    drawn: Float[Array, "b h w c"], wanted: Float[Array, "b h w c"], weight: Float[Array, "b h w 1"]
) -> Float[Array, ""]:
    """Mean |drawn - wanted| under weights (not normalised: more weight is more loss)."""
    return jnp.mean(jnp.abs(drawn - wanted) * weight)


def gradient_l1(
    drawn: Float[Array, "b h w c"], wanted: Float[Array, "b h w c"], weight: Float[Array, "b h w 1"]
) -> Float[Array, ""]:
    """L1 between horizontal and vertical differences of neighbours: edges where they belong."""
    error = (drawn - wanted) * weight
    return jnp.mean(jnp.abs(error[:, 1:] - error[:, :-1])) + jnp.mean(
        jnp.abs(error[:, :, 1:] - error[:, :, :-1])
    )


def pyramid_l1(
    drawn: Float[Array, "b h w c"], wanted: Float[Array, "b h w c"], levels: int = 2
) -> Float[Array, ""]:
    """Sum of mean L1 errors at 1/2, 1/4, ... of the resolution: shading and large shapes."""
    error, total = drawn - wanted, 0.0
    for _ in range(levels):
        error = mean_pool(error)
        total = total + jnp.mean(jnp.abs(error))
    return total


def masked_l1(
    found: Float[Array, "b h w c"], wanted: Float[Array, "b h w c"], mask: Float[Array, "b h w 1"]
) -> Float[Array, ""]:
    """Mean |found - wanted| where the mask is 1, as a share of the whole image."""
    return jnp.mean(jnp.abs(found - wanted) * mask)


def binary_cross_entropy(share: Float[Array, "*b"], truth: Float[Array, "*b"]) -> Float[Array, ""]:
    """Mean cross entropy of probabilities against a truth of 0 and 1, in nats; clipped at 1e-4, so
    that it stays finite."""
    share = jnp.clip(share, 1e-4, 1 - 1e-4)
    return -jnp.mean(truth * jnp.log(share) + (1 - truth) * jnp.log1p(-share))


def upsampled(x: Float[Array, "b h w c"], size: int) -> Float[Array, "b size size c"]:
    """Images at another side length, bilinear between the centres of cells."""
    return jax.image.resize(x, (x.shape[0], size, size, x.shape[-1]), "bilinear")
