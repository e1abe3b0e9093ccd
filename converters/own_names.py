"""Tables of our own networks, whose names in PyTorch are those of the Flax tree.

Dots stand for slashes, `weight` for `kernel` and `scale`, as the references have them. The op
follows from a leaf's name and rank, so these tables need no list of layers.
"""

from typing import Any

from playmate_jax.converters.layer_outputs import COLLECTIONS
from playmate_jax.converters.layers import CONV, DEPTHWISE, IDENTITY, LINEAR, flat_window
from playmate_jax.converters.rules import Op, Rule, Table
from playmate_jax.converters.sizes import Shapes
from playmate_jax.errors import UserError

# PyTorch's names of leaves, of a collection or of any.
PYTORCHS: dict[Any, str] = {
    "scale": "weight",
    ("batch_stats", "mean"): "running_mean",
    ("batch_stats", "var"): "running_var",
    ("spectral", "u"): "weight_u",
}


def own_names(shapes: Shapes) -> Table:
    """A table for leaves ("a/b/kernel", or with a collection in front) by their names and ranks."""
    return [_rule(path, shape, shapes) for path, shape in shapes.items()]


def _rule(path: str, shape: tuple[int, ...], shapes: Shapes) -> Rule:
    collection, _, rest = path.partition("/")
    name = rest if collection in COLLECTIONS else path
    stem, _, leaf = name.rpartition("/")
    stem = f"{stem}." if stem else ""
    if leaf == "kernel":
        spectral = f"spectral/{name.removesuffix('kernel')}u" in shapes
        source, op = "weight_orig" if spectral else "weight", _kernel_op(stem, len(shape))
    elif collection == "spectral" and leaf == "v":
        source, op = "weight_v", flat_window(shape[0])
    else:
        source, op = PYTORCHS.get((collection, leaf), PYTORCHS.get(leaf, leaf)), IDENTITY
    return Rule(f"{stem}{source}".replace("/", "."), path, op)


def _kernel_op(stem: str, rank: int) -> Op:
    if stem.endswith("depthwise."):
        return DEPTHWISE[rank - 1]
    return LINEAR if rank == 2 else CONV[rank - 2]  # noqa: PLR2004


def no_config(*_: Any) -> Any:
    """Refuses tensors without a configuration: shapes do not give heads, windows or schedules.

    Raises:
      UserError: always.
    """
    raise UserError(
        "expected the configuration in the checkpoint, as `playmate convert --to torch` writes it, "
        "found tensors alone: convert from the file that was exported"
    )
