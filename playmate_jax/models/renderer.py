"""F, M, W and G chained: a source image and moved keypoints to a new image.

Pure functions of a `RendererConfig` and of `params`, a dict with the linen variables of each
network under its name: {"appearance": {"params": ..., "batch_stats": ...}, "motion": ...,
"warping": ..., "spade": ...}. The stitching and retargeting MLPs are used where they are given.
"""

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.configuration import from_values
from playmate_jax.geometry import head_pose
from playmate_jax.geometry.grid_sample import cell_centres, grid_sample_2d
from playmate_jax.models.appearance import AppearanceConfig, AppearanceExtractor
from playmate_jax.models.head_warping import HeadWarpingNetwork
from playmate_jax.models.initialization import fresh_variables
from playmate_jax.models.motion_extractor import MotionConfig, MotionExtractor
from playmate_jax.models.resampling import bilinear_up
from playmate_jax.models.spade import SpadeConfig, SpadeDecoder
from playmate_jax.models.stitching import EYES, LIPS, STITCHING, KeypointMLP, KeypointMLPConfig
from playmate_jax.models.warping import WarpingConfig, WarpingNetwork

Params = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class RendererConfig:
    """The networks' sizes and the side of the square image that F and M take."""

    appearance: AppearanceConfig = AppearanceConfig()
    motion: MotionConfig = MotionConfig()
    warping: WarpingConfig = WarpingConfig()
    spade: SpadeConfig = SpadeConfig()
    stitching: KeypointMLPConfig = STITCHING
    eyes: KeypointMLPConfig = EYES
    lips: KeypointMLPConfig = LIPS
    image_size: int = 256


def config_from(values: Mapping[str, Any], source: str) -> RendererConfig:
    """The sizes in a renderer's config.json, whatever else it says; `source` names it in errors."""
    own = {name: value for name, value in values.items() if name not in ("kind", "crop")}
    return from_values(RendererConfig, own, source)


# Factors of the initial noise: the last layer of a block, and what decides a warp, start small.
GAINS = {
    r"warping/.*/image/kernel": 0.1,
    r"warping/.*/mask/kernel": 0.5,
    r"warping/.*/motion_head/kernel": 0.1,
    r"spade/.*/(gamma|beta|gamma_beta)/kernel": 0.3,
}


@partial(jax.jit, static_argnums=0)
def init(config: RendererConfig, key: jax.Array) -> dict[str, Any]:
    """Fresh variables of F, M, W and G: one draw of noise, a short program."""
    return fresh_variables(shapes(config), key, GAINS)


def shapes(config: RendererConfig) -> dict[str, Any]:
    """The tree of names and shapes of F, M, W and G, nothing computed."""
    key = jax.random.key(0)
    image = jnp.zeros((1, config.image_size, config.image_size, 3))
    keypoints = jnp.zeros((1, config.warping.keypoints, 3))
    appearance = AppearanceExtractor(config.appearance)
    warping = warping_network(config.warping)
    tree = {
        "appearance": jax.eval_shape(appearance.init, key, image),
        "motion": jax.eval_shape(MotionExtractor(config.motion).init, key, image),
    }
    features = jax.eval_shape(partial(encode, config), tree, image)
    tree["warping"] = jax.eval_shape(warping.init, key, features["volume"], keypoints, keypoints)
    inputs = jax.eval_shape(partial(_decoder_inputs, config), tree, features, keypoints, keypoints)
    spade = SpadeDecoder(config.spade)
    tree["spade"] = jax.eval_shape(lambda k, i: spade.init(k, **i), key, inputs)
    return tree


def retargeting_shapes(config: RendererConfig) -> dict[str, Any]:
    """The trees of stitching and the two retargeters."""
    mlps = {"stitching": config.stitching, "eyes": config.eyes, "lips": config.lips}
    return {
        name: jax.eval_shape(KeypointMLP(mlp).init, jax.random.key(0), jnp.zeros((1, mlp.inputs)))
        for name, mlp in mlps.items()
    }


def extract_motion(
    config: RendererConfig, params: Params, image: Float[Array, "b h w 3"]
) -> dict[str, Array]:
    """M and its reading: x_c (b, k, 3), R (b, 3, 3), delta (b, k, 3), s (b, 1), t (b, 3), and
    pitch, yaw, roll (b,) in degrees, of images in [0, 1]."""
    raw = MotionExtractor(config.motion).apply(params["motion"], image)
    degrees = {name: head_pose.degrees_from_bins(raw[name]) for name in ("pitch", "yaw", "roll")}
    shape = (image.shape[0], config.motion.keypoints, 3)
    return {
        "x_c": raw["kp"].reshape(shape),
        "R": head_pose.rotation(**{f"{name}_deg": angle for name, angle in degrees.items()}),
        "delta": raw["exp"].reshape(shape),
        "s": raw["scale"],
        "t": raw["t"],
        **degrees,
    }


def encode(
    config: RendererConfig, params: Params, image: Float[Array, "b h w 3"]
) -> dict[str, Array]:
    """F, once per source image: its volume, and the image where the decoder reads it."""
    volume = AppearanceExtractor(config.appearance).apply(params["appearance"], image)
    features = {"volume": volume}
    return features | {"picture": image} if config.spade.picture_skip else features


def decode(
    config: RendererConfig,
    params: Params,
    features: dict[str, Array],
    kp_source: Float[Array, "b k 3"],
    kp_driving: Float[Array, "b k 3"],
) -> Float[Array, "b H W 3"]:
    """W and G: the source's `features` moved from its keypoints to the driving ones, in [0, 1]."""
    inputs = _decoder_inputs(config, params, features, kp_source, kp_driving)
    return SpadeDecoder(config.spade).apply(params["spade"], **inputs)


def warp_image(
    image: Float[Array, "b H W 3"], flow: Float[Array, "b h w 2"]
) -> Float[Array, "b H W 3"]:
    """The image read at every pixel plus `flow` (x, y in units of half the image)."""
    height, width = image.shape[1:3]
    rows, columns = jnp.meshgrid(cell_centres(height), cell_centres(width), indexing="ij")
    grid = jnp.stack([columns, rows], axis=-1) + bilinear_up(flow, height, width)
    return grid_sample_2d(image, grid)


def _decoder_inputs(
    config: RendererConfig,
    params: Params,
    features: dict[str, Array],
    kp_source: Float[Array, "b k 3"],
    kp_driving: Float[Array, "b k 3"],
) -> dict[str, Array]:
    """What G takes, by the names of its arguments."""
    warped = warping_network(config.warping).apply(
        params["warping"], features["volume"], kp_source, kp_driving
    )
    return decoder_inputs(config, features, warped, kp_driving)


def warping_network(config: WarpingConfig) -> WarpingNetwork | HeadWarpingNetwork:
    """W as LivePortrait has it, or with the head's motion as a candidate."""
    return HeadWarpingNetwork(config) if config.rigid_keypoints else WarpingNetwork(config)


def decoder_inputs(
    config: RendererConfig,
    features: dict[str, Array],
    warped: dict[str, Array],
    kp_driving: Float[Array, "b k 3"],
) -> dict[str, Array]:
    """G's arguments from F's features and W's outputs (a trainer may want W's outputs too)."""
    inputs = {"feature": warped["out"]}
    if config.warping.keypoint_code:
        inputs["keypoint_code"] = warped["keypoint_code"]
    if config.spade.picture_skip:
        inputs["warped_image"] = warp_image(features["picture"], warped["picture_flow"])
        inputs["visibility"] = warped["visibility"]
    if config.spade.drawn_keypoints:
        inputs["kp_driving"] = kp_driving
    return inputs
