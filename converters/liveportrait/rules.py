"""LivePortrait's networks: the rule tables of F, M, W, G, S and the retargeters.

Tables follow PyTorch's order of names, and begin with the network's field of the configuration
("appearance.first.conv.weight") where all seven are together.
"""

import functools
from collections.abc import Mapping

from flax.traverse_util import flatten_dict

from playmate_jax.converters.layers import (
    batch_norm,
    conv,
    dense,
    depthwise,
    layer_norm,
    prefixed,
    spectral_conv,
    under,
)
from playmate_jax.converters.rules import Op, Rule, Table
from playmate_jax.errors import UserError
from playmate_jax.models import renderer
from playmate_jax.models.appearance import AppearanceConfig
from playmate_jax.models.motion_extractor import MotionConfig
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.spade import SpadeConfig
from playmate_jax.models.stitching import KeypointMLPConfig
from playmate_jax.models.warping import WarpingConfig

PARTS = ("appearance", "motion", "warping", "spade", "stitching", "eyes", "lips")
# (1, 1, 1, c) in PyTorch
CHANNELS_ONLY = Op("channels", lambda x: x.reshape(-1), lambda x: x.reshape(1, 1, 1, -1))


def appearance(config: AppearanceConfig) -> Table:
    """F: first block, downsample blocks, a 1x1 convolution, residual blocks on the volume."""
    table = _block("first", "first")
    for i in range(config.halvings):
        table += _block(f"down_blocks.{i}", f"down_{i}")
    table += conv("second", "second")
    for i in range(config.resblocks):
        source, target = f"resblocks_3d.3dr{i}", f"resblock_{i}"
        for layer in (1, 2):
            table += conv(f"{source}.conv{layer}", f"{target}/conv_{layer}", dims=3)
        for layer in (1, 2):
            table += batch_norm(f"{source}.norm{layer}", f"{target}/norm_{layer}")
    return table


def motion(config: MotionConfig) -> Table:
    """M: a ConvNeXtV2 and seven heads.

    Raises:
      UserError: it is the plain M, which LivePortrait does not have.
    """
    if config.trunk != "convnext":
        raise UserError(
            f"expected motion.trunk 'convnext', LivePortrait's M, found '{config.trunk}': only "
            "renderers that were trained with it have a place in LivePortrait's files"
        )
    table = conv("downsample_layers.0.0", "trunk/stem")
    table += layer_norm("downsample_layers.0.1", "trunk/stem_norm")
    for i in range(1, len(config.dims)):
        table += layer_norm(f"downsample_layers.{i}.0", f"trunk/halving_{i}_norm")
        table += conv(f"downsample_layers.{i}.1", f"trunk/halving_{i}")
    for i, depth in enumerate(config.depths):
        for j in range(depth):
            source, target = f"stages.{i}.{j}", f"trunk/stage_{i}_block_{j}"
            table += depthwise(f"{source}.dwconv", f"{target}/depthwise")
            table += layer_norm(f"{source}.norm", f"{target}/norm")
            table += dense(f"{source}.pwconv1", f"{target}/widen")
            for name in ("gamma", "beta"):
                leaf = f"params/{target}/response_norm/{name}"
                table += [Rule(f"{source}.grn.{name}", leaf, CHANNELS_ONLY)]
            table += dense(f"{source}.pwconv2", f"{target}/narrow")
    table += layer_norm("norm", "norm")
    for head in ("kp", "scale", "pitch", "yaw", "roll", "t", "exp"):
        table += dense(f"fc_{head}", f"head_{head}")
    return prefixed("detector.", table)


def warping(config: WarpingConfig) -> Table:
    """W: hourglass, masks, occlusion, and two convolutions behind the sampling."""
    table: Table = []
    for name, side in (("down", "encoder"), ("up", "decoder")):
        for i in range(config.hourglass_blocks):
            table += _block(f"hourglass.{side}.{name}_blocks.{i}", f"hourglass/{name}_{i}", dims=3)
    table += _block("hourglass.decoder", "hourglass/out", dims=3)
    table += conv("mask", "mask", dims=3)
    table += conv("compress", "compress", dims=3)
    table += batch_norm("norm", "compress_norm")
    table += conv("occlusion", "occlusion")
    table = prefixed("dense_motion_network.", table)
    return table + _block("third", "third") + conv("fourth", "fourth")


def spade(config: SpadeConfig) -> Table:
    """G. The blocks that change the width have a shortcut of their own."""
    table = conv("fc", "first")
    for i in range(config.middle_blocks):
        table += _spade_block(f"G_middle_{i}", f"middle_{i}", shortcut=False)
    width = config.middle_channels
    for i, features in enumerate(config.up_channels):
        table += _spade_block(f"up_{i}", f"up_{i}", shortcut=features != width)
        width = features
    return table + conv("conv_img.0", "image")


def keypoint_mlp(config: KeypointMLPConfig) -> Table:
    """S or a retargeter: every second entry of a Sequential is a ReLU."""
    layers = range(len(config.hidden) + 1)
    return [rule for i in layers for rule in dense(f"mlp.{2 * i}", f"layer_{i}")]


def tables(config: RendererConfig) -> Mapping[str, Table]:
    """The table of every network of the renderer, under the config's field names."""
    return {
        "appearance": appearance(config.appearance),
        "motion": motion(config.motion),
        "warping": warping(config.warping),
        "spade": spade(config.spade),
        "stitching": keypoint_mlp(config.stitching),
        "eyes": keypoint_mlp(config.eyes),
        "lips": keypoint_mlp(config.lips),
    }


def table(config: RendererConfig) -> Table:
    """All seven networks at once: names "appearance.first.conv.weight", leaves "appearance/..."."""
    return [
        entry
        for field, own in tables(config).items()
        for entry in prefixed(f"{field}.", under(f"{field}/", own))
    ]


def shapes(config: RendererConfig) -> dict[str, tuple[int, ...]]:
    """Every leaf of all seven networks and its shape."""
    return {
        f"{field}/{path}": shape
        for field, leaves in leaf_shapes(config).items()
        for path, shape in leaves.items()
    }


@functools.cache
def leaf_shapes(config: RendererConfig) -> dict[str, dict[str, tuple[int, ...]]]:
    """Every leaf of every network of the renderer: path -> shape."""
    trees = renderer.shapes(config) | renderer.retargeting_shapes(config)
    return {
        field: {path: leaf.shape for path, leaf in flatten_dict(tree, sep="/").items()}
        for field, tree in trees.items()
    }


# ---- pieces of the tables -----------------------------------------------------------------------


def _block(source: str, target: str, dims: int = 2) -> Table:
    table = conv(f"{source}.conv", f"{target}/conv", dims)
    return table + batch_norm(f"{source}.norm", f"{target}/norm")


def _spade_block(source: str, target: str, shortcut: bool) -> Table:
    table: Table = []
    for i in (0, 1):
        table += spectral_conv(f"{source}.conv_{i}", f"{target}/conv_{i}", kernel_size=3)
    names = {"norm_0": "norm_0", "norm_1": "norm_1"}
    if shortcut:
        table += spectral_conv(f"{source}.conv_s", f"{target}/conv_shortcut", 1, bias=False)
        names["norm_s"] = "norm_shortcut"
    for theirs, ours in names.items():
        table += conv(f"{source}.{theirs}.mlp_shared.0", f"{target}/{ours}/shared")
        table += conv(f"{source}.{theirs}.mlp_gamma", f"{target}/{ours}/gamma")
        table += conv(f"{source}.{theirs}.mlp_beta", f"{target}/{ours}/beta")
    return table
