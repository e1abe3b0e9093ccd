"""Patch discriminators under FOMM's names (`discs.0-5.down_blocks.1.conv.weight_orig`)."""

import functools

from playmate_jax.converters.layers import layer_norm, spectral_conv
from playmate_jax.converters.rules import Table
from playmate_jax.converters.sizes import Shapes, cap, count, image_leaf_shapes
from playmate_jax.models.discriminator import DiscriminatorConfig, MultiScaleDiscriminator


def scale_name(i: int) -> str:
    """FOMM's key of a scale: its factor with a dash for the point."""
    return f"{0.5**i:g}".replace(".", "-")


def table(config: DiscriminatorConfig) -> Table:
    """Every scale's blocks and its logits."""
    rules: Table = []
    for i in range(config.scales):
        source, target = f"discs.{scale_name(i)}", f"scale_{i}"
        for j in range(config.blocks):
            block = f"{source}.down_blocks.{j}"
            rules += spectral_conv(f"{block}.conv", f"{target}/block_{j}_conv", config.kernel_size)
            rules += layer_norm(f"{block}.norm", f"{target}/block_{j}_norm") if j else []
        rules += spectral_conv(f"{source}.conv", f"{target}/logits", 1)
    return rules


def config_of(shapes: Shapes) -> DiscriminatorConfig:
    """Sizes of the first scale, and how many scales there are."""
    first = "discs.1.down_blocks"
    blocks = count(shapes, r"discs\.1\.down_blocks\.(\d+)\.")
    widths = [shapes[f"{first}.{j}.conv.weight_orig"][0] for j in range(blocks)]
    return DiscriminatorConfig(
        channels=widths[0] // 2,
        max_channels=cap(widths, DiscriminatorConfig.max_channels),
        blocks=blocks,
        kernel_size=shapes[f"{first}.0.conv.weight_orig"][-1],
        scales=count(shapes, r"discs\.([^.]+)\."),
    )


def smallest_image(config: DiscriminatorConfig, patches: int = 1) -> int:
    """The side at which the last scale still has `patches` x `patches`."""
    side = patches
    for i in range(config.blocks):
        side = (side if i == 0 else 2 * side) + config.kernel_size - 1
    return side * 2 ** (config.scales - 1)


@functools.cache
def leaf_shapes(config: DiscriminatorConfig) -> Shapes:
    """Every leaf and its shape."""
    return image_leaf_shapes(MultiScaleDiscriminator(config), smallest_image(config))
