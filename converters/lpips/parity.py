"""How LPIPS's recordings were made: the distances of two pairs of noise, and their five terms.

Synthetic weights have both signs; a head's are never negative, so there the absolute value counts.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.converters.golden import Outputs, Reference
from playmate_jax.converters.lpips.rules import leaf_shapes, table
from playmate_jax.models.lpips import LPIPS, WIDTHS, LPIPSConfig


def distances(trunk: str, reference: Reference) -> Outputs:
    """The five terms of both pairs and their sum, images in [0, 1]."""
    config, network = LPIPSConfig(trunk, WIDTHS[trunk]), f"lpips_{trunk}"
    variables = reference.convert(network, table(config), leaf_shapes(config))
    yield from outputs(config, variables, pairs(trunk, reference)).items()


def outputs(
    config: LPIPSConfig, variables: dict[str, Any], images: list[np.ndarray]
) -> dict[str, np.ndarray]:
    """Terms and distance of two batches (b, 3, h, w), in the type of the arguments."""
    params = {
        name: {leaf: allowed(name, value) for leaf, value in layer.items()}
        for name, layer in variables["params"].items()
    }
    run = jax.jit(partial(LPIPS(config).apply, method="terms"))
    terms = run({"params": params}, *(jnp.asarray(np.moveaxis(x, 1, -1)) for x in images))
    return named(f"lpips_{config.trunk}", np.asarray(terms))


def named(network: str, terms: np.ndarray) -> dict[str, np.ndarray]:
    """Terms (b, 5) and their sum under the recording's names."""
    found = {f"{network}.layer{i}": term for i, term in enumerate(terms.T)}
    return found | {f"{network}.distance": terms.sum(-1)}


def allowed(name: str, value: np.ndarray) -> np.ndarray:
    """A weight of a head, which is never negative; any other as it is."""
    return np.abs(value) if name.startswith(("lin", "head")) else value


def pairs(trunk: str, reference: Reference) -> list[np.ndarray]:
    """Both sides of the recorded pairs (2, 3, 64, 64)."""
    names = (f"lpips_{trunk}.image_{i}" for i in (0, 1))
    return [reference.input(name, (2, 3, 64, 64), "unit") for name in names]


PORTS = {f"lpips_{trunk}": partial(distances, trunk) for trunk in WIDTHS}
