"""How LivePortrait's recordings were made: inputs, networks, outputs in PyTorch's axis order.

One function per recording; each yields (name, value) in the order of computation, so that the
first divergence is where to look. Sizes are the official configuration's, or those that the
reference's `configs.json` gives under "liveportrait".
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.configuration import from_values
from playmate_jax.converters.golden import Outputs, Port, Reference
from playmate_jax.converters.liveportrait import rules
from playmate_jax.geometry import head_pose, keypoints
from playmate_jax.geometry.grid_sample import grid_sample_3d
from playmate_jax.models.appearance import AppearanceExtractor
from playmate_jax.models.motion_extractor import MotionExtractor
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.spade import SpadeConfig, SpadeDecoder
from playmate_jax.models.stitching import KeypointMLP
from playmate_jax.models.warping import WarpingConfig, WarpingNetwork

Variables = Mapping[str, Any]
MLP_FIELDS = {"stitching": "stitching", "eye": "eyes", "lip": "lips"}


def config_of(reference: Reference) -> RendererConfig:
    """The sizes at which the outputs were recorded."""
    return from_values(RendererConfig, reference.configs.get("liveportrait", {}))


def volume_shape(config: RendererConfig) -> tuple[int, ...]:
    """F's output in PyTorch's order, one image."""
    side = config.image_size // 2**config.appearance.halvings
    f = config.appearance
    return (1, f.volume_channels, f.volume_depth, side, side)


def channels_last(array: np.ndarray) -> jax.Array:
    """(b, c, ...) to (b, ..., c)."""
    return jnp.asarray(np.moveaxis(array, 1, -1))


def channels_first(array: jax.Array) -> np.ndarray:
    """(b, ..., c) to (b, c, ...)."""
    return np.moveaxis(np.asarray(array), -1, 1)


def appearance(reference: Reference) -> Outputs:
    """F of two images of noise: the feature volume."""
    variables = _variables(reference, "appearance", "liveportrait_appearance")
    config = config_of(reference)
    image = channels_last(_image(reference, config))
    volume = jax.jit(AppearanceExtractor(config.appearance).apply)(variables, image)
    yield "appearance.feature_volume", channels_first(volume)


def motion(reference: Reference) -> Outputs:
    """M, then head pose and Eq. 1 on its outputs."""
    variables = _variables(reference, "motion", "liveportrait_motion")
    config = config_of(reference)
    image = channels_last(_image(reference, config))
    raw = jax.jit(MotionExtractor(config.motion).apply)(variables, image)
    for name, value in raw.items():
        yield f"motion.{name}", np.asarray(value)
    for name in ("pitch", "yaw", "roll"):
        yield f"motion.{name}_degrees", np.asarray(head_pose.degrees_from_bins(raw[name]))
    x_c, moved = keypoints.motion_from_outputs(raw)
    yield "motion.rotation", np.asarray(moved.rotation)
    yield "motion.transformed_keypoints", np.asarray(keypoints.equation_1(x_c, moved))
    angles = (jnp.asarray(40.0 * reference.input(name, (16,))) for name in ("pitch", "yaw", "roll"))
    yield "camera.rotation_of_degrees", np.asarray(head_pose.rotation(*angles))


def warping(reference: Reference) -> Outputs:
    """W, and the sampling of a volume alone."""
    shape = volume_shape(config_of(reference))
    volume = channels_last(reference.input("feature_volume", shape))
    grid = jnp.asarray(0.9 * reference.input("grid", (1, *shape[2:], 3)))
    yield "grid_sample_3d", channels_first(jax.jit(grid_sample_3d)(volume, grid))
    outputs = _warped(reference)
    for name in ("mask", "occlusion_map"):
        yield f"warping.{name}", channels_first(outputs[name])
    yield "warping.deformation", np.asarray(outputs["deformation"])
    yield "warping.out", channels_first(outputs["out"])


def spade(reference: Reference) -> Outputs:
    """G of noise, and G of what W returned."""
    variables = _variables(reference, "spade", "liveportrait_spade")
    config = config_of(reference)
    shape = (1, config.warping.out_channels, *volume_shape(config)[3:])
    feature = channels_last(reference.input("warped", shape))
    yield "spade.image", channels_first(_decode(config.spade, variables, feature))
    yield "warp_then_decode.image", warp_then_decode(reference)["warp_then_decode.image"]


def retargeting(reference: Reference) -> Outputs:
    """S and the retargeters of three conditions of noise."""
    config = config_of(reference)
    for name, field in MLP_FIELDS.items():
        variables = _variables(reference, field, f"liveportrait_{name}")
        mlp = getattr(config, field)
        condition = jnp.asarray(reference.input(name, (3, mlp.inputs)))
        yield f"retarget.{name}", np.asarray(KeypointMLP(mlp).apply(variables, condition))


def _image(reference: Reference, config: RendererConfig) -> np.ndarray:
    return reference.input("image", (2, 3, config.image_size, config.image_size), "unit")


def _variables(reference: Reference, field: str, network: str) -> dict[str, Any]:
    if "shapes" not in reference.cache:
        reference.cache["shapes"] = rules.leaf_shapes(config_of(reference))
    table = rules.tables(config_of(reference))[field]
    return reference.convert(network, table, reference.cache["shapes"][field])


def warping_inputs(reference: Reference) -> list[np.ndarray]:
    """Volume, source and driving keypoints in PyTorch's axis order."""
    config = config_of(reference)
    shape = (1, config.warping.keypoints, 3)
    points = (reference.input(name, shape, "keypoints") for name in ("kp_source", "kp_driving"))
    return [reference.input("feature_volume", volume_shape(config)), *points]


@partial(jax.jit, static_argnums=0)
def _warp(config: WarpingConfig, variables: Variables, *inputs: Any) -> dict[str, jax.Array]:
    return WarpingNetwork(config).apply(variables, *inputs)


@partial(jax.jit, static_argnums=0)
def _decode(config: SpadeConfig, variables: Variables, feature: jax.Array) -> jax.Array:
    return SpadeDecoder(config).apply(variables, feature)


def _warped(reference: Reference) -> dict[str, jax.Array]:
    """W's outputs, which two recordings need: seconds of work, so kept."""
    if "warped" not in reference.cache:
        variables = _variables(reference, "warping", "liveportrait_warping")
        volume, *points = warping_inputs(reference)
        config = config_of(reference).warping
        reference.cache["warped"] = _warp(config, variables, channels_last(volume), *points)
    return reference.cache["warped"]


def warp_then_decode(reference: Reference) -> dict[str, np.ndarray]:
    """W's places and features and G's image of them, by the recordings' names."""
    warped = _warped(reference)
    if "image" not in reference.cache:
        variables = _variables(reference, "spade", "liveportrait_spade")
        image = _decode(config_of(reference).spade, variables, warped["out"])
        reference.cache["image"] = channels_first(image)
    return {
        "warping.deformation": np.asarray(warped["deformation"]),
        "warping.out": channels_first(warped["out"]),
        "warp_then_decode.image": reference.cache["image"],
    }


PORTS: dict[str, Port] = {
    "liveportrait_appearance": appearance,
    "liveportrait_motion": motion,
    "liveportrait_warping": warping,
    "liveportrait_spade": spade,
    "liveportrait_retargeting": retargeting,
}
