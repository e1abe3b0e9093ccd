"""A network as a JAX program for any batch and several platforms, and its parameters by name.

`jax.export` keeps the traced and lowered program (StableHLO), not code; to run it, JAX
alone is needed:

    from jax import export
    import jax, numpy
    program = export.deserialize(open("motion.jax", "rb").read())
    params = dict(numpy.load("motion.npz"))
    found = jax.jit(program.call)(params, {"image": image})   # any batch, arrays by name

Parameters stay outside: inside they would be constants, which XLA folds for minutes.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import export

from playmate_jax.converters.to_onnx import networks
from playmate_jax.converters.to_onnx.networks import Network
from playmate_jax.errors import UserError
from playmate_jax.hub.bundles import find_bundle
from playmate_jax.hub.weights import load_weights
from playmate_jax.models import renderer
from playmate_jax.models.folded import renderer as folded_renderer
from playmate_jax.models.renderer import RendererConfig

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
FOLDED = "warping_spade_folded"
NAMES = (*networks.NAMES, FOLDED)
Arrays = dict[str, Any]


def of_weights(weights: str, only: Sequence[str], platforms: Sequence[str]) -> list[Network]:
    """The networks of a weights directory or name, for batch 1; `only` these, where some are named.

    W and G folded are there if named: for CPUs and for everything else they have other parameters
    and programs, so that they are for one platform.

    Raises:
      UserError: the weights lack a network that was named, or cannot be folded; several platforms
        for the folded form.
    """
    plain = tuple(name for name in only if name != FOLDED)
    found = networks.of_weights(weights, 1, plain) if plain or not only else []
    if FOLDED in only:
        if len(platforms) > 1:
            raise UserError(
                f"expected one of --platforms with {FOLDED}, whose parameters depend on it, found "
                f"{' and '.join(platforms)}: export it once for each"
            )
        found.append(_folded(weights, platforms[0]))
    return found


def _folded(weights: str, platform: str) -> Network:
    (drawing,) = networks.of_weights(weights, 1, ("warping_spade",))
    values, _, _ = load_weights(find_bundle(weights)["renderer"])
    config = renderer.config_from(values, weights)
    if config.small:
        raise UserError(
            f"expected weights of LivePortrait's kind for {FOLDED}, found those of a small "
            "renderer, which has no such form: leave it out of --networks"
        )
    return folded(config, drawing, platform)


def folded(config: RendererConfig, drawing: Network, platform: str) -> Network:
    """W and G of `networks.drawing` in the folded form for a platform; same inputs and output."""
    backend = "cpu" if platform == "cpu" else "gpu"

    def drawn(p, x_s, x_d, **seen):
        source = folded_renderer.source_side(config, p, seen, x_s)
        return {"drawn": folded_renderer.frames(config, p, source, x_d)}

    params = folded_renderer.fold(config, drawing.params, backend)
    return dataclasses.replace(drawing, name=FOLDED, function=drawn, params=params)


def named(params: Any) -> Arrays:
    """The leaves of a tree by their paths, such as "motion/params/head/kernel".

    Raises:
      UserError: a number type that NumPy's files do not have.
    """
    found = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        found[name] = np.asarray(leaf)
        if found[name].dtype.kind not in "fiub":
            raise UserError(
                f"expected float32, float16 or whole numbers in the weights, found "
                f"{found[name].dtype} in {name}: convert it to float32"
            )
    return found


def exported(network: Network, platforms: Sequence[str]) -> export.Exported:
    """The program (params by name, inputs by name) to outputs by name, for every batch."""
    leaves, tree = jax.tree.flatten(network.params)
    names = list(named(network.params))

    def function(params: Arrays, inputs: Arrays) -> Mapping[str, jax.Array]:
        ordered = jax.tree.unflatten(tree, [params[name] for name in names])
        return dict(network.function(ordered, **inputs))

    (batch,) = export.symbolic_shape("batch")
    inputs = {
        name: jax.ShapeDtypeStruct((batch, *x.shape[1:]), x.dtype)
        for name, x in network.inputs.items()
    }
    params = {
        name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
        for name, leaf in zip(names, leaves, strict=True)
    }
    return export.export(jax.jit(function), platforms=list(platforms))(params, inputs)


def read(program: Path, arrays: Path) -> tuple[export.Exported, dict[str, np.ndarray]]:
    """A program and its parameters, as anyone reads them."""
    with np.load(arrays, allow_pickle=False) as file:
        params = dict(file)
    return export.deserialize(bytearray(program.read_bytes())), params
