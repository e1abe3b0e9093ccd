"""I3D under the names of `i3d_pretrained_400.pt` (VideoGPT, after piergiaj), and what others call
its tensors: hassony2's names in lower case, TensorFlow's in a SavedModel.
"""

import functools
import re
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict

from playmate_jax.converters.layers import batch_norm, conv
from playmate_jax.converters.rules import Table
from playmate_jax.converters.sizes import Shapes
from playmate_jax.models.i3d import BLOCKS, BRANCHES, I3D, I3DConfig

STEM = {"Conv3d_1a_7x7": "conv_1a", "Conv3d_2b_1x1": "conv_2b", "Conv3d_2c_3x3": "conv_2c"}
# hassony2's modules of a block, in the order of BRANCHES.
_HASSONY2 = ("branch_0", "branch_1.0", "branch_1.1", "branch_2.0", "branch_2.1", "branch_3.1")
_UNIT = re.compile(
    r"(?:.*\.)?(logits|conv3d_\d\w_\dx\d|mixed_\d\w)"
    rf"(?:\.({'|'.join(map(re.escape, (*_HASSONY2, *BRANCHES)))}))?"
    r"\.(conv3d|bn|batch3d)\.(\w+)",
    re.IGNORECASE,
)


def units() -> Iterator[tuple[str, str]]:
    """Every convolution with a BatchNorm: its name in the file, and ours."""
    yield from STEM.items()
    for block in BLOCKS:
        for branch in BRANCHES:
            yield f"Mixed_{block}.{branch}", f"mixed_{block}/{branch}"


def table(_: I3DConfig) -> Table:
    """All tensors in the order of the published state dict, which has the logits first."""
    found = conv("logits.conv3d", "logits", dims=3)
    for source, target in units():
        found += conv(f"{source}.conv3d", f"{target}/conv", dims=3, bias=False)
        found += batch_norm(f"{source}.bn", f"{target}/norm")
    return found


def present_name(name: str) -> str:
    """A tensor's name in the table, from either scheme of names and any prefix."""
    if (match := _UNIT.fullmatch(name)) is None:
        return name
    module, branch, layer, leaf = match.groups()
    unit = module.lower().capitalize()
    if unit in ("Logits", "Conv3d_0c_1x1"):
        unit = "logits"
    if branch is not None:
        branch = dict(zip(_HASSONY2, BRANCHES)).get(branch.lower(), branch.lower())
        unit = f"{unit}.{branch}"
    return f"{unit}.{'conv3d' if layer.lower() == 'conv3d' else 'bn'}.{leaf}"


def config_of(shapes: Shapes) -> I3DConfig:
    """Widths of all convolutions and the number of logits, from shapes."""
    return I3DConfig(
        tuple(shapes[f"{unit}.conv3d.weight"][0] for unit in STEM),
        tuple(
            tuple(shapes[f"Mixed_{block}.{branch}.conv3d.weight"][0] for branch in BRANCHES)
            for block in BLOCKS
        ),
        shapes["logits.conv3d.bias"][0],
    )


@functools.cache
def leaf_shapes(config: I3DConfig) -> Shapes:
    """Every leaf and its shape."""
    video = jax.ShapeDtypeStruct((1, 9, 32, 32, 3), jnp.float32)
    tree = jax.eval_shape(I3D(config).init, jax.random.key(0), video)
    return {path: leaf.shape for path, leaf in flatten_dict(tree, sep="/").items()}
