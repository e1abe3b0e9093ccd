"""VGG19 under torchvision's names (`features.0.weight`); the classifier is left out by name."""

import functools

from playmate_jax.converters.layers import conv
from playmate_jax.converters.rules import Table
from playmate_jax.converters.sizes import Shapes, image_leaf_shapes
from playmate_jax.models.vgg19 import VGG19, VGG19Config


def table(config: VGG19Config) -> Table:
    """A Sequential of convolutions and ReLUs, with a pooling after every block."""
    rules: Table = []
    index = 0
    for i, depth in enumerate(config.depths, 1):
        for j in range(1, depth + 1):
            rules += conv(f"features.{index}", f"conv_{i}_{j}")
            index += 2
        index += 1
    return rules


def config_of(shapes: Shapes) -> VGG19Config:
    """Pooling shows as a gap of three between convolutions."""
    indices = sorted(int(name.split(".")[1]) for name in shapes if name.endswith(".weight"))
    depths, widths, before = [], [], -3
    for index in indices:
        if index - before != 2:  # noqa: PLR2004
            depths.append(0)
            widths.append(shapes[f"features.{index}.weight"][0])
        depths[-1], before = depths[-1] + 1, index
    return VGG19Config(tuple(depths), tuple(widths))


@functools.cache
def leaf_shapes(config: VGG19Config) -> Shapes:
    """Every leaf and its shape."""
    return image_leaf_shapes(VGG19(config), 2 ** len(config.depths))


def present_name(name: str) -> str | None:
    """A tensor's name in the table; None for the classifier's."""
    return None if name.startswith("classifier.") else name
