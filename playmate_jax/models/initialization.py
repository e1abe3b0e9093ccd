"""Fresh variables for a network from one draw of noise, by the names of its leaves.

Linen draws every parameter from a key of its own: a few hundred small generators, which XLA
compiles one by one (80 s of CPU for a small renderer). Here one draw is cut up instead; the
compiled program is short, and still a pure function of the key.
"""

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

NOISE, ZEROS, ONES, UNIT = "noise", "zeros", "ones", "unit"

# The first rule that matches a leaf's whole path decides.
RULES = (
    (r".*/kernel", NOISE),  # N(0, 1 / fan-in)
    (r".*/(bias|beta|gamma|mean)", ZEROS),
    (r".*/(scale|var)", ONES),
    (r"(.*/)?spectral/.*/(u|v)", UNIT),  # a random direction
)


def fresh_variables(
    shapes: Mapping[str, Any], key: jax.Array, gains: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """Variables in the shapes of a tree, as `jax.eval_shape(module.init, ...)` gives it.

    Args:
      gains: regular expression of a leaf's path -> factor of its noise (0 starts it at zero).

    Raises:
      ValueError: a leaf that no rule covers.
    """
    leaves = flatten_dict(shapes, sep="/")
    kinds = {name: _kind(name) for name in leaves}
    drawn = [name for name in leaves if kinds[name] in (NOISE, UNIT)]
    ends = np.cumsum([leaves[name].size for name in drawn], dtype=np.int64)
    noise = jax.random.normal(key, (int(ends[-1]) if drawn else 0,))
    pieces = dict(zip(drawn, jnp.split(noise, ends[:-1]), strict=True)) if drawn else {}
    values = {}
    for name, leaf in leaves.items():
        if kinds[name] in (ZEROS, ONES):
            values[name] = jnp.full(leaf.shape, float(kinds[name] == ONES), leaf.dtype)
            continue
        value = pieces[name].reshape(leaf.shape)
        if kinds[name] == UNIT:
            value = value / jnp.linalg.norm(pieces[name])
        else:
            value = value * (_gain(name, gains) / np.sqrt(_fan_in(leaf.shape)))
        values[name] = value.astype(leaf.dtype)
    return unflatten_dict(values, sep="/")


def _kind(name: str) -> str:
    for pattern, kind in RULES:
        if re.fullmatch(pattern, name):
            return kind
    raise ValueError(f"no rule says how to start {name!r}: add one to {__name__}.RULES")


def _fan_in(shape: tuple[int, ...]) -> int:
    """Inputs of one output: all axes but the last (so too for a depthwise kernel, kh kw c)."""
    return max(1, int(np.prod(shape[:-1])))


def _gain(name: str, gains: Mapping[str, float] | None) -> float:
    factors = [gain for pattern, gain in (gains or {}).items() if re.fullmatch(pattern, name)]
    return float(np.prod(factors)) if factors else 1.0
