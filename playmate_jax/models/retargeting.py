"""S and the retargeters in front of W and G: what they are trained and judged by.

A source image is drawn several times, with its keypoints moved in several ways, in one call of W
and of G. Images are in [0, 1]; `params` are the renderer's (models/renderer.py), `mlps` the linen
variables of any of "stitching", "eyes" and "lips". Running statistics are used, never updated.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from playmate_jax.geometry.keypoints import transform_keypoints
from playmate_jax.models import renderer, stitching
from playmate_jax.models.initial_noise import initial_key
from playmate_jax.models.renderer import Params, RendererConfig
from playmate_jax.models.resampling import mean_pool

MLPS = ("stitching", "eyes", "lips")
OPENNESS = {"eyes": slice(0, 2), "lips": slice(2, 3)}  # of left eye, right eye and lips
Found = dict[str, Array]  # what `renderer.extract_motion` gives


class Seen(NamedTuple):
    """What F and M find in source images and in the images that drive them.

    Attributes:
      features: F's, of the source.
      source, driving: M's, of either.
      kp_source: x_s.
      kp_driving: x_d, the source's canonical keypoints with the driving motion (Eq. 1).
    """

    features: dict[str, Array]
    source: Found
    driving: Found
    kp_source: Float[Array, "b k 3"]
    kp_driving: Float[Array, "b k 3"]


class Moved(NamedTuple):
    """Keypoints to draw with, and the offsets that a network found for them."""

    keypoints: Float[Array, "b k 3"]
    offsets: Float[Array, "b o"]


def init_mlps(
    config: RendererConfig, key: PRNGKeyArray, names: tuple[str, ...] = MLPS
) -> dict[str, Params]:
    """Fresh variables of some of the networks; their last layers are zero, so nothing moves."""
    keys = jax.random.split(initial_key(key), len(MLPS))
    fresh = {}
    for name, key in zip(MLPS, keys):
        mlp = getattr(config, name)
        if name in names:
            fresh[name] = stitching.KeypointMLP(mlp).init(key, jnp.zeros((1, mlp.inputs)))
    return fresh


def see(
    config: RendererConfig,
    params: Params,
    source: Float[Array, "b h w 3"],
    driving: Float[Array, "b h w 3"],
) -> Seen:
    """F on the source, M on both in one call."""
    # A row's two images lie beside each other, so that rows stay on their devices.
    pairs = jnp.stack([source, driving], 1).reshape(-1, *source.shape[1:])
    both = renderer.extract_motion(config, params, pairs)
    of_source, of_driving = ({name: v[i::2] for name, v in both.items()} for i in (0, 1))

    def keypoints(motion: Found) -> Float[Array, "b k 3"]:
        parts = (motion[name] for name in ("R", "delta", "s", "t"))
        return transform_keypoints(of_source["x_c"], *parts)

    features = renderer.encode(config, params, source)
    return Seen(features, of_source, of_driving, keypoints(of_source), keypoints(of_driving))


def moved(
    config: RendererConfig,
    mlps: Params,
    seen: Seen,
    own: Float[Array, "b 3"],
    wanted: Mapping[str, Float[Array, "b 1"]],
) -> dict[str, Moved]:
    """What each network of `mlps` makes of the keypoints: stitching of the driving ones, the
    retargeters of the source's.

    Args:
      own: openness of the source's left eye, right eye and lips.
      wanted: openness for "eyes" and "lips".
    """
    result = {}
    if "stitching" in mlps:
        pair = (seen.kp_source, seen.kp_driving)
        offsets = stitching.stitching_offsets(config.stitching, mlps["stitching"], *pair)
        result["stitching"] = Moved(stitching.stitched(seen.kp_driving, offsets), offsets)
    for name, part in OPENNESS.items():
        if name in mlps:
            asked = jnp.concatenate([own[:, part], wanted[name]], -1)
            mlp = (getattr(config, name), mlps[name])
            found = stitching.openness_offsets(*mlp, seen.kp_source, asked)
            result[name] = Moved(seen.kp_source + found, found.reshape(found.shape[0], -1))
    return result


def draw(
    config: RendererConfig,
    params: Params,
    seen: Seen,
    keypoints: Mapping[str, Float[Array, "b k 3"]],
) -> dict[str, Float[Array, "b H W 3"]]:
    """The source drawn with each of the keypoints, all in one call of W and of G."""
    n = len(keypoints)
    repeated = lambda x: jnp.repeat(x, n, axis=0)  # noqa: E731
    driving = jnp.stack(list(keypoints.values()), 1)
    images = renderer.decode(
        config,
        params,
        jax.tree.map(repeated, seen.features),
        repeated(seen.kp_source),
        driving.reshape(-1, *driving.shape[2:]),
    )
    images = images.reshape(-1, n, *images.shape[1:])
    return {name: images[:, i] for i, name in enumerate(keypoints)}


def at_input_size(
    config: RendererConfig, images: Float[Array, "b H W 3"]
) -> Float[Array, "b h w 3"]:
    """Drawn images at the size that M takes: LivePortrait's are drawn at twice that."""
    return mean_pool(images, images.shape[1] // config.image_size)
