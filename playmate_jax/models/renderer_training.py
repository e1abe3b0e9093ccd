"""F, M, W and G in training mode: as `models/renderer.py`, with statistics that a call changes.

A renderer's variables are two trees: parameters, which an optimiser moves,
{"appearance": ..., "motion": ..., "warping": ..., "spade": ...}, and statistics, which calls move:
{"appearance": {"batch_stats": ...}, "warping": {"batch_stats": ...}, "spade": {"spectral": ...}}.
BatchNorm normalises by its batch and refreshes its running moments; each call of G is a power
iteration of its spectral norms. A training step calls each network once, on all rows that it needs.

LivePortrait's networks alone: the small ones have no statistics.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.traverse_util import path_aware_map
from jaxtyping import Array, Float

from playmate_jax.errors import UserError, nearest
from playmate_jax.models import renderer
from playmate_jax.models.renderer import RendererConfig, networks

Tree = Mapping[str, Any]
# M's numbers are read as they are: degrees, keypoints. Its last layers stay float32.
PRECISIONS = ("float32", "bfloat16")
EXACT = r"^motion/(norm|head_\w+)/"


@dataclasses.dataclass(frozen=True)
class Execution:
    """How networks are evaluated; parameters and statistics are float32 in any case.

    Attributes:
      precision: "float32", or "bfloat16" for convolutions and what is between them; norms, grid
        sampling and what M finds are float32.
      remat: what the backward pass computes again: "none", "network" (all but a network's input:
        least memory), or all but what a policy of `jax.checkpoint_policies` saves.
    """

    precision: str = "float32"
    remat: str = "none"

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UserError(
                f"expected precision out of {', '.join(PRECISIONS)}, found '{self.precision}'"
                f"{nearest(self.precision, PRECISIONS)}"
            )
        policies = ("none", "network", *dir(jax.checkpoint_policies))
        if self.remat not in policies:
            raise UserError(
                "expected remat as none, network or one of jax.checkpoint_policies, found "
                f"'{self.remat}'{nearest(self.remat, policies)}"
            )

    def cast(self, tree: Any) -> Any:
        """Arrays, or parameters by name, in the precision of the convolutions."""
        if self.precision == "float32":
            return tree
        if not isinstance(tree, Mapping):
            return tree.astype(self.precision)
        return path_aware_map(
            lambda path, x: (
                x if re.search(EXACT, "/".join(map(str, path))) else x.astype(self.precision)
            ),
            dict(tree),
        )

    def rematerialised(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of arrays of which the backward pass keeps what `remat` says."""
        if self.remat == "none":
            return function
        known = None if self.remat == "network" else getattr(jax.checkpoint_policies, self.remat)
        return jax.checkpoint(function, policy=known)


EXACTLY = Execution()


def split(variables: Tree) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and statistics of a renderer's variables; `joined` is the inverse."""
    params = {name: own["params"] for name, own in variables.items()}
    rest = {n: {k: v for k, v in own.items() if k != "params"} for n, own in variables.items()}
    return params, {name: own for name, own in rest.items() if own}


def joined(params: Tree, statistics: Tree) -> dict[str, Any]:
    """A renderer's variables, as `models/renderer.py` and weights directories have them."""
    return {name: {"params": own, **statistics.get(name, {})} for name, own in params.items()}


def extract_motion(
    config: RendererConfig, params: Tree, image: Float[Array, "b h w 3"], how: Execution = EXACTLY
) -> dict[str, Float[Array, "b *_"]]:
    """M on images in [0, 1], as `renderer.extract_motion`; it has no statistics."""

    def motion(params: Tree, image: Array) -> dict[str, Array]:
        return renderer.extract_motion(config, joined(params, {}), image)

    return how.rematerialised(motion)(how.cast({"motion": params["motion"]}), how.cast(image))


def encode(
    config: RendererConfig,
    params: Tree,
    statistics: Tree,
    image: Float[Array, "b h w 3"],
    how: Execution = EXACTLY,
) -> tuple[Float[Array, "b z h2 w2 c"], dict[str, Any]]:
    """F on images in [0, 1]: their volumes, and the statistics after the call."""
    network = networks(config).appearance
    return applied(network, "appearance", params, statistics, how, how.cast(image))


def decode(
    config: RendererConfig,
    params: Tree,
    statistics: Tree,
    volume: Float[Array, "b z h w c"],
    kp_source: Float[Array, "b k 3"],
    kp_driving: Float[Array, "b k 3"],
    how: Execution = EXACTLY,
) -> tuple[Float[Array, "b H W 3"], dict[str, Any]]:
    """W and G: images in [0, 1] of volumes moved from one set of keypoints to another, and the
    statistics after the call."""
    own = networks(config)
    places = (volume, kp_source, kp_driving)
    warped, statistics = applied(own.warping, "warping", params, statistics, how, *places)
    image, statistics = applied(own.spade, "spade", params, statistics, how, warped["out"])
    return image.astype(jnp.promote_types(image.dtype, jnp.float32)), statistics


def applied(
    network: nn.Module, name: str, params: Tree, statistics: Tree, how: Execution, *inputs: Array
) -> tuple[Any, dict[str, Any]]:
    """A network's output in training mode, and all statistics with its own after the call.

    Args:
      name: of the network in both trees.
    """

    def call(own: Any, moving: Any, inputs: Any) -> Any:
        variables = {"params": own, **moving}
        return network.apply(variables, *inputs, train=True, mutable=list(moving))

    own = how.cast({name: params[name]})[name]
    found, kept = how.rematerialised(call)(own, statistics[name], inputs)
    return found, {**statistics, name: kept}
