"""What a face space begins with: earlier weights, or fresh networks whose M is calm and sees what
images differ by."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from playmate_jax.data.frame_pairs import FIELDS, KINDS, decoded
from playmate_jax.data.mixture import Data, open_mixture
from playmate_jax.errors import UserError
from playmate_jax.hub.bundles import find_parts
from playmate_jax.hub.weights import check_tree, load_weights
from playmate_jax.losses.keypoints import MEAN_DEPTH
from playmate_jax.models import renderer
from playmate_jax.models.initial_noise import initial_key
from playmate_jax.models.renderer import Networks, RendererConfig, networks
from playmate_jax.training.face_space import calm_motion_heads
from playmate_jax.training.portrait_augmentation import resized
from playmate_jax.training.portrait_terms import SHARE_OF_SIDE, WHOLE, Recipe

GOLDEN_ANGLE = np.pi * (3 - 5**0.5)
FIRST_LOOK = 64  # images that fresh networks are fitted to
BOWL = 0.5  # depth of the fresh keypoints' bowl, in head units


@dataclasses.dataclass(frozen=True)
class Start:
    """A renderer's weights on disk.

    Attributes:
      variables: of F, M, W and G; stitching and retargeting belong to the old face space.
    """

    folder: Path
    renderer: RendererConfig
    variables: dict[str, Any]
    card: dict[str, Any]

    @classmethod
    def of(cls, name: str) -> Start:
        """Weights by directory or name ("liveportrait").

        Raises:
          UserError: no such weights, or they do not fit their own sizes.
        """
        folder = find_parts(name)["renderer"]
        values, params, card = load_weights(folder)
        config = renderer.config_from(values, f"{folder}/config.json")
        variables = {name: params[name] for name in Networks._fields if name in params}
        check_tree(variables, renderer.shapes(config), str(folder))
        return cls(folder, config, variables, card)


def beginners(
    config: RendererConfig, key: jax.Array, images: UInt8[Any, "n h w 3"]
) -> dict[str, Any]:
    """Fresh variables of F, M, W and G. M's last layers begin with little noise about a frontal
    face of spread keypoints: their own initial noise would move keypoints by whole images.

    Args:
      images: of the training data, for `centred`.
    """
    variables = renderer.init(config, key)
    motion = calm_motion_heads(variables["motion"], spread_keypoints(config.motion.keypoints))
    shown = resized(jnp.asarray(images, jnp.float32) / 255, config.image_size)
    return {**variables, "motion": centred(config, dict(motion), shown)}


def centred(
    config: RendererConfig, variables: dict[str, Any], images: Float[Array, "n h w 3"]
) -> dict[str, Any]:
    """M with its last norm's scale and bias such that over these images each feature has mean 0 and
    standard deviation 1 (initialisation by data, Salimans and Kingma 2016).

    Fresh features, means over the image, differ by a twentieth between images; what all have in
    common would drown what head pose and expression are to be read from.
    """
    found = networks(config).motion.apply(
        variables, images, capture_intermediates=lambda module, _: module.name == "norm"
    )[1]["intermediates"]["norm"]["__call__"][0]
    std = found.std(0)
    std = jnp.maximum(std, 0.1 * std.mean())  # a feature that hardly differs stays quiet
    norm = {"scale": 1 / std, "bias": -found.mean(0) / std}
    return {**variables, "params": {**variables["params"], "norm": norm}}


def first_images(data: Data, count: int = FIRST_LOOK) -> UInt8[np.ndarray, "n h w 3"]:
    """One image each of `count` training clips, or of all, spread over the data; always the same
    ones.

    Raises:
      UserError: no images, or of several sizes.
    """
    parts = open_mixture(data, "train", KINDS, FIELDS)
    places = [(p.records, n) for p in parts for n, k in enumerate(p.index["pictures"]) if int(k)]
    if not places:
        raise UserError(f"expected clips with images in {data}, found none: prepare some")
    chosen = np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int)
    records = [places[at][0][places[at][1]] for at in chosen]
    first = decoded(records[0]["frames"][0], str(records[0].get("id", "")))
    images = np.empty((len(records), *first.shape), np.uint8)
    for record, image in zip(records, images, strict=True):
        decoded(record["frames"][0], str(record.get("id", "")), into=image)
    return images


def spread_keypoints(count: int) -> Float[np.ndarray, "k 3"]:
    """Points on a shallow bowl that opens away from the viewer, evenly spread (a sunflower's
    spiral), of the mean depth that the keypoint prior asks for."""
    at = np.arange(count)
    radius = np.sqrt((at + 0.5) / count)
    x, y = radius * np.cos(at * GOLDEN_ANGLE), radius * np.sin(at * GOLDEN_ANGLE)
    z = BOWL * np.square(radius)
    return np.stack([x, y, z - z.mean() + MEAN_DEPTH / 0.72], -1)


def drawn_side(sizes: RendererConfig) -> int:
    """The side of the square image that G draws."""
    feature = sizes.image_size // 2**sizes.appearance.halvings
    return feature * 2 ** len(sizes.spade.up_channels) * sizes.spade.upscale


def initial_judges(recipe: Recipe, key: jax.Array, side: int) -> dict[str, Any]:
    """Fresh variables of the discriminators, by what they see.

    Args:
      side: of the drawn image.
    """
    found = {}
    for n, (name, network) in enumerate(recipe.discriminators.items()):
        size = side if name == WHOLE else side // SHARE_OF_SIDE[name]
        own = initial_key(jax.random.fold_in(key, n))
        found[name] = network.init(own, jnp.zeros((1, size, size, 3)))
    return found
