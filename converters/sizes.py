"""Reading a network's sizes from the shapes of its tensors, and the shapes of its own leaves."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict

Shapes = Mapping[str, tuple[int, ...]]
Value = TypeVar("Value")


def count(names: Iterable[str], pattern: str) -> int:
    """How many different texts the pattern's group takes: the length of a list of modules."""
    found = (re.match(pattern, name) for name in names)
    return len({match[1] for match in found if match})


def cap(widths: Sequence[int], default: int) -> int:
    """Up to where widths double; `default` or more where they double to the end."""
    doubled = all(b == 2 * a for a, b in zip(widths, widths[1:]))
    return max(default, *widths) if doubled else max(widths)


def part(shapes: Mapping[str, Value], name: str) -> dict[str, Value]:
    """The shapes (or tensors) of one part ("appearance.first.weight"), without its name."""
    prefix = f"{name}."
    return {k.removeprefix(prefix): v for k, v in shapes.items() if k.startswith(prefix)}


def image_leaf_shapes(network: nn.Module, side: int) -> dict[str, tuple[int, ...]]:
    """Every leaf of a network that takes an image (1, side, side, 3), and its shape."""
    image = jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32)
    tree = jax.eval_shape(network.init, jax.random.key(0), image)
    return {path: leaf.shape for path, leaf in flatten_dict(tree, sep="/").items()}
