"""InceptionV3 under the names of pytorch-fid's file; its classifier is kept aside, unread."""

import functools

import numpy as np

from playmate_jax.converters.layers import batch_norm, conv
from playmate_jax.converters.rules import Ignored, Table
from playmate_jax.converters.sizes import Shapes, image_leaf_shapes
from playmate_jax.models.inception import Inception, InceptionConfig
from playmate_jax.models.inception_blocks import BLOCKS, FEATURES, STEM, Block, Layer

CLASSES = 1008
LEAST_SIDE = 75  # of an image that leaves the last block a cell


def layers_of(block: Block) -> list[Layer]:
    """All layers of a block in the order of the file."""
    steps = [step for branch in block.branches for step in branch]
    found = [x for step in steps for x in ((step,) if isinstance(step, Layer) else step)]
    return found + ([] if block.pooled is None else [block.pooled])


def table(config: InceptionConfig) -> Table:
    """The stem and the blocks; what nothing reads is the classifier."""
    names = [layer.name for layer in STEM]
    names += [f"{name}.{layer.name}" for name in config.blocks for layer in layers_of(BLOCKS[name])]
    rules: Table = []
    for name in names:
        target = name.lower().replace(".", "/")
        rules += conv(f"{name}.conv", f"{target}/conv", bias=False)
        rules += batch_norm(f"{name}.bn", f"{target}/norm")
    weight = np.zeros((CLASSES, FEATURES // config.divisor), np.float32)
    return rules + [Ignored("fc.weight", weight), Ignored("fc.bias", weight[:, 0].copy())]


def config_of(shapes: Shapes) -> InceptionConfig:
    """The blocks that are there, and the first layer's share of its width."""
    found = {name.partition(".")[0] for name in shapes}
    divisor = STEM[0].width // shapes[f"{STEM[0].name}.conv.weight"][0]
    return InceptionConfig(tuple(name for name in BLOCKS if name in found), divisor)


@functools.cache
def leaf_shapes(config: InceptionConfig) -> Shapes:
    """Every leaf and its shape."""
    return image_leaf_shapes(Inception(config), LEAST_SIDE)
