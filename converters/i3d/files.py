"""I3D's weights where they are no state dict: TF-hub's SavedModel, and modules of other names.

A SavedModel's folder holds the variables of `deepmind/i3d-kinetics-400/1`, whose BatchNorm has no
scale: it is one here. The TorchScript file of StyleGAN-V is read by `torchscript_files.py`; where
its modules have names of nobody's, their order and shapes say what they are.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from playmate_jax.converters import tensor_bundles
from playmate_jax.converters.family import Layout
from playmate_jax.converters.i3d.rules import leaf_shapes, present_name, table, units
from playmate_jax.converters.rules import Rule
from playmate_jax.converters.sizes import Shapes
from playmate_jax.converters.state_files import Checkpoint, Progress
from playmate_jax.models.i3d import I3DConfig

VARIABLES = "variables/variables"  # in a SavedModel's folder
_COUNTER = "num_batches_tracked"
_ROOT = "RGB/inception_i3d/"
# TensorFlow's branches of a block. Mixed_5b's b2b is misspelt in the published file.
_BRANCHES = {
    "Branch_0/Conv3d_0a_1x1": "b0",
    "Branch_1/Conv3d_0a_1x1": "b1a",
    "Branch_1/Conv3d_0b_3x3": "b1b",
    "Branch_2/Conv3d_0a_1x1": "b2a",
    "Branch_2/Conv3d_0b_3x3": "b2b",
    "Branch_2/Conv3d_0a_3x3": "b2b",
    "Branch_3/Conv3d_0b_1x1": "b3b",
}
_LEAVES = {
    "conv_3d/w": "conv3d.weight",
    "conv_3d/b": "conv3d.bias",
    "batch_norm/beta": "bn.bias",
    "batch_norm/moving_mean": "bn.running_mean",
    "batch_norm/moving_variance": "bn.running_var",
}


def tensorflow_state(variables: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A SavedModel's variables under the table's names, kernels in PyTorch's axis order."""
    state: dict[str, np.ndarray] = {}
    for name, value in variables.items():
        own = _tensorflow_name(name)
        if own.endswith("conv3d.weight") and value.ndim == 5:  # noqa: PLR2004
            state[own] = value.transpose(4, 3, 0, 1, 2)
        else:
            state[own] = value if own == name else value.reshape(-1)
    for unit, _ in units():
        if (bias := state.get(f"{unit}.bn.bias")) is not None:
            state[f"{unit}.bn.weight"] = np.ones_like(bias)
    return state


def _tensorflow_name(name: str) -> str:
    """The table's name of a variable; the variable's own where it is none of I3D's."""
    path = name.removeprefix(_ROOT).removeprefix("Logits/")
    unit, _, leaf = path.rpartition("/")
    layer = unit.rpartition("/")[2]
    unit, leaf = unit.removesuffix(f"/{layer}"), _LEAVES.get(f"{layer}/{leaf}")
    block, _, branch = unit.partition("/")
    if leaf is None or (branch and branch not in _BRANCHES):
        return name
    return present_name(f"{block}.{_BRANCHES[branch]}.{leaf}" if branch else f"{block}.{leaf}")


def by_order(content: Mapping[str, Any], config: I3DConfig) -> dict[str, np.ndarray] | None:
    """A state dict whose modules are I3D's in their order, under the table's names.

    None where names are the table's already, or where the shapes are not exactly I3D's in the
    order of the table, its logits first or last.
    """
    found = {k: v for k, v in content.items() if not k.endswith(_COUNTER)}
    shapes = [getattr(value, "shape", None) for value in found.values()]
    rules = [entry for entry in table(config) if isinstance(entry, Rule)]
    if len(found) != len(rules) or any(
        re.match(r"logits\.|Mixed_", present_name(k)) for k in found
    ):
        return None
    leaves: Shapes = leaf_shapes(config)
    expected = {
        rule.source: rule.op.inverse(np.broadcast_to(np.float32(0), leaves[rule.target])).shape
        for rule in rules
    }
    names = list(expected)
    for order in (names, names[2:] + names[:2]):
        if shapes == [expected[name] for name in order]:
            return dict(zip(order, found.values(), strict=True))
    return None


def recognises(folder: Path) -> bool:
    """Whether a folder is a SavedModel."""
    return (folder / f"{VARIABLES}.index").is_file()


def read(folder: Path, progress: Progress) -> Checkpoint:
    """The variables of a SavedModel.

    Raises:
      UserError: missing files or damage.
    """
    progress("read", 0, 1)
    state = tensorflow_state(tensor_bundles.read(folder / VARIABLES))
    files = {path.name: path for path in sorted((folder / VARIABLES).parent.iterdir())}
    progress("read", 1, 1)
    return Checkpoint(folder, state, files)


LAYOUT = Layout(recognises, read, unpack=lambda content: by_order(content, I3DConfig()))
