"""What a face space begins with: earlier weights, or fresh networks whose M is calm."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from playmate_jax.hub.bundles import find_parts
from playmate_jax.hub.weights import check_tree, load_weights
from playmate_jax.losses.keypoints import MEAN_DEPTH
from playmate_jax.models import renderer
from playmate_jax.models.initial_noise import initial_key
from playmate_jax.models.renderer import Networks, RendererConfig
from playmate_jax.training.face_space import calm_motion_heads
from playmate_jax.training.portrait_terms import SHARE_OF_SIDE, WHOLE, Recipe

GOLDEN_ANGLE = np.pi * (3 - 5**0.5)
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


def beginners(config: RendererConfig, key: jax.Array) -> dict[str, Any]:
    """Fresh variables of F, M, W and G. M's last layers begin with little noise about a frontal
    face of spread keypoints: their own initial noise would move keypoints by whole images."""
    variables = renderer.init(config, key)
    motion = calm_motion_heads(variables["motion"], spread_keypoints(config.motion.keypoints))
    return {**variables, "motion": dict(motion)}


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
