"""W and G folded, one after the other: what `models.renderer.decode` draws, faster.

folded = fold(config, params, backend)                      # once per set of weights
source = source_side(config, folded, features, kp_source)   # once per source image
images = frames(config, folded, source, kp_driving)         # per batch of frames
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.models.folded import spade, warping
from playmate_jax.models.folded.warping import Source
from playmate_jax.models.renderer import RendererConfig

Folded = dict[str, Any]


def fold(config: RendererConfig, params: Mapping[str, Any], backend: str) -> Folded:
    """Folded parameters of W and G, float32, or float64 where the plain ones are.

    Args:
      params: the plain ones; "warping" and "spade" are read.
      backend: what they will run on: "cpu" stores most kernels for Winograd's or Fourier's domain,
        anything else keeps direct convolutions and does the rest of the algebra.

    Raises:
      ValueError: the configuration of a small renderer, whose W and G are others.
    """
    if config.small:
        raise ValueError("expected LivePortrait's W and G, found those of a small renderer")
    side = config.image_size >> config.appearance.halvings
    stored = params["warping"]["params"]["fourth"]["kernel"].dtype
    dtype = jnp.promote_types(stored, jnp.float32)  # transformed kernels need float32 at least
    return {
        "warping": warping.fold(config.warping, params["warping"], side, backend, dtype),
        "spade": spade.fold(config.spade, params["spade"], side, backend, dtype),
    }


def source_side(
    config: RendererConfig,
    folded: Folded,
    features: Mapping[str, Array],
    kp_source: Float[Array, "b k 3"],
) -> Source:
    """What depends on sources alone, of F's features and their keypoints."""
    return warping.source_side(config.warping, folded["warping"], features["volume"], kp_source)


def frames(
    config: RendererConfig, folded: Folded, source: Source, kp_driving: Float[Array, "b k 3"]
) -> Float[Array, "b H W 3"]:
    """Images in [0, 1] for a batch of driving keypoints; `source` has as many rows, or one."""
    rows = jax.tree.map(lambda x: jnp.broadcast_to(x, (kp_driving.shape[0], *x.shape[1:])), source)
    feature = warped(config.warping, folded["warping"], rows, kp_driving)
    return spade.frames(config.spade, folded["spade"], feature)


warped = jax.jit(warping.frames, static_argnums=0)  # a program of its own, as G's blocks are
