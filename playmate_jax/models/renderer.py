"""F, M, W and G chained: a source image and moved keypoints to a new image.

Pure functions of a `RendererConfig` and of `params`, a dict with the linen variables of each
network under its name: {"appearance": {"params": ..., "batch_stats": ...}, "motion": ...,
"warping": ..., "spade": ...}. The stitching and retargeting MLPs are used where they are given.
"""

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.configuration import from_values
from playmate_jax.errors import UserError
from playmate_jax.geometry import head_pose
from playmate_jax.geometry.grid_sample import cell_centres, grid_sample_2d
from playmate_jax.models.appearance import AppearanceConfig, AppearanceExtractor
from playmate_jax.models.initial_noise import initial_key
from playmate_jax.models.motion_extractor import MotionConfig, MotionExtractor
from playmate_jax.models.resampling import bilinear_up
from playmate_jax.models.small.appearance import SmallAppearanceExtractor
from playmate_jax.models.small.motion_extractor import SmallMotionExtractor
from playmate_jax.models.small.spade import BlendingDecoder
from playmate_jax.models.small.warping import HeadWarpingNetwork
from playmate_jax.models.spade import SpadeConfig, SpadeDecoder
from playmate_jax.models.stitching import EYES, LIPS, STITCHING, KeypointMLP, KeypointMLPConfig
from playmate_jax.models.warping import WarpingConfig, WarpingNetwork

Params = Mapping[str, Any]

# Fields that say which networks a renderer has, and their only values in either kind.
LIVEPORTRAIT: dict[str, dict[str, Any]] = {
    "appearance": {"norm": "batch", "patch": 1},
    "warping": {
        "norm": "batch", "keypoint_code": 0, "hourglass_inputs": 0, "picture_flow": False,
    },
    "spade": {
        "spectral_norm": True, "shared_modulation": False, "picture_skip": False,
        "drawn_keypoints": (),
    },
}  # fmt: skip
SMALL: dict[str, dict[str, Any]] = {
    "appearance": {"norm": "group", "halvings": 0, "resblocks": 0},
    "motion": {"trunk": "plain", "pool": "flatten"},
    "warping": {"norm": "group", "hourglass_inputs": 0, "picture_flow": False},
    "spade": {"spectral_norm": False, "shared_modulation": True, "picture_skip": True},
}


# M by its trunk and pooling: either goes with LivePortrait's F, W and G.
MOTION_EXTRACTORS = {
    ("convnext", "mean"): MotionExtractor,
    ("plain", "flatten"): SmallMotionExtractor,
}


@dataclasses.dataclass(frozen=True)
class RendererConfig:
    """The networks' sizes and the side of the square image that F and M take.

    Raises UserError where some fields ask for LivePortrait's networks and others for small ones.
    """

    appearance: AppearanceConfig = AppearanceConfig()
    motion: MotionConfig = MotionConfig()
    warping: WarpingConfig = WarpingConfig()
    spade: SpadeConfig = SpadeConfig()
    stitching: KeypointMLPConfig = STITCHING
    eyes: KeypointMLPConfig = EYES
    lips: KeypointMLPConfig = LIPS
    image_size: int = 256

    @property
    def small(self) -> bool:
        """Whether F, M, W and G are those of `models/small/`, not LivePortrait's."""
        return bool(self.warping.rigid_keypoints)

    def __post_init__(self) -> None:
        kind = "a small renderer" if self.small else "LivePortrait's networks"
        found, wanted = [], []
        for part, fields in (SMALL if self.small else LIVEPORTRAIT).items():
            for name, value in fields.items():
                own = getattr(getattr(self, part), name)
                if own != value:
                    found.append(f"{part}.{name} {own!r}")
                    wanted.append(f"{part}.{name} {value!r}")
        trunk, pool = self.motion.trunk, self.motion.pool
        if not self.small and (trunk, pool) not in MOTION_EXTRACTORS:
            found.append(f"motion.trunk {trunk!r} with motion.pool {pool!r}")
            wanted.append("'mean' beside 'convnext', 'flatten' beside 'plain'")
        if found:
            raise UserError(
                f"expected {', '.join(wanted)} in the configuration of {kind}, found "
                f"{', '.join(found)}: warping.rigid_keypoints decides which of the two it is"
            )


class Networks(NamedTuple):
    """F, M, W and G as linen modules, under the names of their parameters."""

    appearance: nn.Module
    motion: nn.Module
    warping: nn.Module
    spade: nn.Module


def networks(config: RendererConfig) -> Networks:
    """The four modules that a configuration asks for: LivePortrait's, or the small ones."""
    motion = MOTION_EXTRACTORS[config.motion.trunk, config.motion.pool](config.motion)
    if config.small:
        return Networks(
            SmallAppearanceExtractor(config.appearance),
            motion,
            HeadWarpingNetwork(config.warping),
            BlendingDecoder(config.spade),
        )
    return Networks(
        AppearanceExtractor(config.appearance),
        motion,
        WarpingNetwork(config.warping),
        SpadeDecoder(config.spade),
    )


def config_from(values: Mapping[str, Any], source: str) -> RendererConfig:
    """The sizes in a renderer's config.json, whatever else it says; `source` names it in errors."""
    own = {name: value for name, value in values.items() if name not in ("kind", "crop")}
    return from_values(RendererConfig, own, source)


@partial(jax.jit, static_argnums=0)
def init(config: RendererConfig, key: jax.Array) -> dict[str, Any]:
    """Fresh variables of F, M, W and G, drawn by the initialisers of their modules."""
    return _variables(config, key)


def shapes(config: RendererConfig) -> dict[str, Any]:
    """The tree of names and shapes of F, M, W and G, nothing computed."""
    return jax.eval_shape(partial(_variables, config), jax.random.key(0))


def _variables(config: RendererConfig, key: jax.Array) -> dict[str, Any]:
    """All four networks on one made-up image; only their variables are kept."""
    modules, keys = networks(config), jax.random.split(initial_key(key), 4)
    image = jnp.zeros((1, config.image_size, config.image_size, 3))
    keypoints = jnp.zeros((1, config.warping.keypoints, 3))
    volume, appearance = modules.appearance.init_with_output(keys[0], image)
    motion = modules.motion.init(keys[1], image)
    warped, warping = modules.warping.init_with_output(keys[2], volume, keypoints, keypoints)
    inputs = decoder_inputs(config, {"volume": volume, "image": image}, warped, keypoints)
    spade = modules.spade.init(keys[3], **inputs)
    return {"appearance": appearance, "motion": motion, "warping": warping, "spade": spade}


def retargeting_shapes(config: RendererConfig) -> dict[str, Any]:
    """The trees of names and shapes of stitching and the two retargeters, nothing computed."""
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
    raw = networks(config).motion.apply(params["motion"], image)
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
    """F, once per source image: its volume, and the image itself where small renderers copy it."""
    volume = networks(config).appearance.apply(params["appearance"], image)
    features = {"volume": volume}
    return features | {"image": image} if config.small else features


def decode(
    config: RendererConfig,
    params: Params,
    features: dict[str, Array],
    kp_source: Float[Array, "b k 3"],
    kp_driving: Float[Array, "b k 3"],
) -> Float[Array, "b H W 3"]:
    """W and G: the source's `features` moved from its keypoints to the driving ones, in [0, 1]."""
    return decode_with_warp(config, params, features, kp_source, kp_driving)["image"]


def decode_with_warp(
    config: RendererConfig,
    params: Params,
    features: dict[str, Array],
    kp_source: Float[Array, "b k 3"],
    kp_driving: Float[Array, "b k 3"],
) -> dict[str, Array]:
    """`decode`'s image (b, H, W, 3) under "image", beside W's outputs and G's arguments by name."""
    modules = networks(config)
    warped = modules.warping.apply(params["warping"], features["volume"], kp_source, kp_driving)
    inputs = decoder_inputs(config, features, warped, kp_driving)
    return {**warped, **inputs, "image": modules.spade.apply(params["spade"], **inputs)}


def warp_image(
    image: Float[Array, "b H W 3"], flow: Float[Array, "b h w 2"]
) -> Float[Array, "b H W 3"]:
    """The image read at every pixel plus `flow` (x, y in units of half the image)."""
    height, width = image.shape[1:3]
    rows, columns = jnp.meshgrid(cell_centres(height), cell_centres(width), indexing="ij")
    grid = jnp.stack([columns, rows], axis=-1) + bilinear_up(flow, height, width)
    return grid_sample_2d(image, grid)


def decoder_inputs(
    config: RendererConfig,
    features: dict[str, Array],
    warped: dict[str, Array],
    kp_driving: Float[Array, "b k 3"],
) -> dict[str, Array]:
    """G's arguments by name, from F's features, W's outputs and the driving keypoints."""
    if not config.small:
        return {"feature": warped["out"]}
    return {
        "feature": warped["out"],
        "warped_image": warp_image(features["image"], warped["picture_flow"]),
        "visibility": warped["visibility"],
        "keypoint_code": warped["keypoint_code"],
        "kp_driving": kp_driving,
    }
