"""LPIPS under the names of the `lpips` package's module (`net.slice1.0.weight`).

The number behind a slice is the layer's place in torchvision's Sequential. A saved module also
holds constants and the heads a second time; both are left out by name.
"""

import functools
import re

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict

from playmate_jax.converters.layers import LINEAR, conv, squeeze_then
from playmate_jax.converters.rules import Rule, Table
from playmate_jax.converters.sizes import Shapes
from playmate_jax.models.lpips import LPIPS, N_LAYERS, TRUNKS, LPIPSConfig

HEAD = squeeze_then(LINEAR, 2, 3)  # (1, c, 1, 1) -> (c, 1)


def trunk_indices(trunk: str) -> list[list[int]]:
    """The places of each slice's convolutions in torchvision's `features`."""
    found, index = [], 0
    for piece in TRUNKS[trunk]:
        index += bool(piece.pool)
        found.append([index + 2 * j for j in range(piece.depth)])  # a ReLU follows each
        index += 2 * piece.depth
    return found


def table(config: LPIPSConfig) -> Table:
    """The trunk, slice by slice, then the heads."""
    rules: Table = []
    for i, indices in enumerate(trunk_indices(config.trunk)):
        for j, index in enumerate(indices):
            rules += conv(f"net.slice{i + 1}.{index}", f"conv_{i}_{j}")
    for i in range(N_LAYERS):
        rules.append(Rule(f"lin{i}.model.1.weight", f"params/head_{i}/kernel", HEAD))
    return rules


def config_of(shapes: Shapes) -> LPIPSConfig:
    """The trunk by its first convolution's window; widths from the heads."""
    window = shapes["net.slice1.0.weight"][2]
    trunk = next(name for name, slices in TRUNKS.items() if slices[0].kernel_size == window)
    widths = tuple(shapes[f"lin{i}.model.1.weight"][1] for i in range(N_LAYERS))
    return LPIPSConfig(trunk, widths)


@functools.cache
def leaf_shapes(config: LPIPSConfig) -> Shapes:
    """Every leaf and its shape."""
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    tree = jax.eval_shape(LPIPS(config).init, jax.random.key(0), image, image)
    return {path: leaf.shape for path, leaf in flatten_dict(tree, sep="/").items()}


def present_name(name: str) -> str | None:
    """A tensor's name in the table; None for the constants and the heads' second names."""
    return None if re.match(r"scaling_layer\.|lins\.", name) else name
