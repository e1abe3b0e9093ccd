"""Networks that only training needs: VGG19, patch discriminators, the teacher of head pose.

VGG19 has torchvision's names (`features.0.weight`; the classifier is left out by name), the
discriminators FOMM's (`discs.0-5.down_blocks.1.conv.weight_orig`), Hopenet those of its published
`hopenet_robust_alpha1.pkl`.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from playmate_jax.converters.rules import (
    Ignored,
    Table,
    batch_norm,
    conv,
    dense,
    layer_norm,
    spectral_conv,
)
from playmate_jax.converters.sizes import Shapes, cap, count
from playmate_jax.models.discriminator import DiscriminatorConfig, MultiScaleDiscriminator
from playmate_jax.models.hopenet import ANGLES, EXPANSION, Hopenet, HopenetConfig
from playmate_jax.models.vgg19 import VGG19, VGG19Config

# ---- VGG19 --------------------------------------------------------------------------------------


def vgg19(config: VGG19Config) -> Table:
    """A Sequential of convolutions and ReLUs, with a pooling after every block."""
    table, index = [], 0
    for i, depth in enumerate(config.depths, 1):
        for j in range(1, depth + 1):
            table += conv(f"features.{index}", f"conv_{i}_{j}")
            index += 2
        index += 1
    return table


def vgg19_config(shapes: Shapes) -> VGG19Config:
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
def vgg19_shapes(config: VGG19Config) -> Shapes:
    """Every leaf and its shape."""
    return _shapes(VGG19(config), 2 ** len(config.depths))


# ---- discriminators -----------------------------------------------------------------------------


def scale_name(i: int) -> str:
    """FOMM's key of a scale: its factor with a dash for the point."""
    return f"{0.5**i:g}".replace(".", "-")


def discriminator(config: DiscriminatorConfig) -> Table:
    """Every scale's blocks and its logits."""
    table: Table = []
    for i in range(config.scales):
        source, target = f"discs.{scale_name(i)}", f"scale_{i}"
        for j in range(config.blocks):
            block = f"{source}.down_blocks.{j}"
            table += spectral_conv(f"{block}.conv", f"{target}/block_{j}_conv", config.kernel_size)
            table += layer_norm(f"{block}.norm", f"{target}/block_{j}_norm") if j else []
        table += spectral_conv(f"{source}.conv", f"{target}/logits", 1)
    return table


def discriminator_config(shapes: Shapes) -> DiscriminatorConfig:
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
def discriminator_shapes(config: DiscriminatorConfig) -> Shapes:
    """Every leaf and its shape."""
    return _shapes(MultiScaleDiscriminator(config), smallest_image(config))


# ---- the teacher of head pose -------------------------------------------------------------------


def hopenet(config: HopenetConfig) -> Table:
    """ResNet's names; `fc_finetune` is a layer of an earlier experiment that nothing reads."""
    table = _conv_norm("", "1", "", "first")
    for i, depth in enumerate(config.depths):
        for j in range(depth):
            source, target = f"layer{i + 1}.{j}.", f"stage_{i}_block_{j}/"
            for k in ("1", "2", "3"):
                table += _conv_norm(source, k, target, k)
            if j == 0:
                table += conv(f"{source}downsample.0", f"{target}conv_shortcut", bias=False)
                table += batch_norm(f"{source}downsample.1", f"{target}norm_shortcut")
    for angle in ANGLES:
        table += dense(f"fc_{angle}", f"head_{angle}")
    features = EXPANSION * config.widths[-1] + 3
    unread = {"weight": np.zeros((3, features), np.float32), "bias": np.zeros(3, np.float32)}
    return table + [Ignored(f"fc_finetune.{name}", value) for name, value in unread.items()]


def hopenet_config(shapes: Shapes) -> HopenetConfig:
    """Blocks of every stage and the widths of their 3x3 convolutions."""
    stages = range(1, 1 + count(shapes, r"(layer\d+)\."))
    depths = tuple(count(shapes, rf"layer{i}\.(\d+)\.") for i in stages)
    return HopenetConfig(depths, tuple(shapes[f"layer{i}.0.conv2.weight"][0] for i in stages))


@functools.cache
def hopenet_shapes(config: HopenetConfig) -> Shapes:
    """Every leaf and its shape."""
    return _shapes(Hopenet(config), 32)


def _conv_norm(source: str, number: str, target: str, name: str) -> Table:
    table = conv(f"{source}conv{number}", f"{target}conv_{name}", bias=False)
    return table + batch_norm(f"{source}bn{number}", f"{target}norm_{name}")


def _shapes(network, side: int) -> Shapes:
    image = jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32)
    tree = jax.eval_shape(network.init, jax.random.key(0), image)
    return {path: leaf.shape for path, leaf in flatten_dict(tree, sep="/").items()}
