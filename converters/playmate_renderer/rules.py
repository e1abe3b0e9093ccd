"""Our small renderers: tables of F, M, W and G by the names of their leaves."""

import functools

from flax.traverse_util import flatten_dict

from playmate_jax.converters.layers import prefixed, under
from playmate_jax.converters.own_names import own_names
from playmate_jax.converters.rules import Table
from playmate_jax.converters.sizes import Shapes
from playmate_jax.models import renderer
from playmate_jax.models.renderer import RendererConfig


def sizes(_: Shapes) -> RendererConfig:
    """The default configuration: the kind of networks cannot be read from shapes."""
    return RendererConfig()


@functools.cache
def leaf_shapes(config: RendererConfig) -> dict[str, tuple[int, ...]]:
    """Every leaf of F, M, W and G and its shape."""
    leaves = flatten_dict(renderer.shapes(config), sep="/")
    return {path: leaf.shape for path, leaf in leaves.items()}


def table(config: RendererConfig) -> Table:
    """F, M, W and G of any configuration: `appearance.`, `motion.`, `warping.`, `spade.`."""
    rules: Table = []
    shapes = leaf_shapes(config)
    for field in ("appearance", "motion", "warping", "spade"):
        own = {
            k.removeprefix(f"{field}/"): v for k, v in shapes.items() if k.startswith(f"{field}/")
        }
        rules += prefixed(f"{field}.", under(f"{field}/", own_names(own)))
    return rules
