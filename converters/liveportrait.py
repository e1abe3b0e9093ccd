"""LivePortrait's networks: the rule tables, and which of its five files holds what.

F `appearance_feature_extractor.pth`, M `motion_extractor.pth` (names begin with `detector.`),
W `warping_module.pth`, G `spade_generator.pth`, and `stitching_retargeting_module.pth`, which holds
three state dicts whose names begin with `module.`. The animals' set has the same networks and
takes people's stitching. Tables follow PyTorch's order of names.
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from flax.traverse_util import flatten_dict

from playmate_jax.converters.rules import (
    Op,
    Rule,
    Table,
    batch_norm,
    conv,
    dense,
    depthwise,
    layer_norm,
    prefixed,
    spectral_conv,
    under,
)
from playmate_jax.converters.sizes import Shapes, cap, count, part
from playmate_jax.models import renderer
from playmate_jax.models.appearance import AppearanceConfig
from playmate_jax.models.motion_extractor import MotionConfig
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.spade import SpadeConfig
from playmate_jax.models.stitching import KeypointMLPConfig
from playmate_jax.models.warping import WarpingConfig

# (1, 1, 1, c) in PyTorch
CHANNELS_ONLY = Op("channels", lambda x: x.reshape(-1), lambda x: x.reshape(1, 1, 1, -1))

# Field of the config -> file; key in the retargeting file -> field of the config.
FILES = {
    "appearance": "appearance_feature_extractor.pth",
    "motion": "motion_extractor.pth",
    "warping": "warping_module.pth",
    "spade": "spade_generator.pth",
}
PARTS = ("appearance", "motion", "warping", "spade", "stitching", "eyes", "lips")
RETARGETING = "stitching_retargeting_module.pth"
RETARGETING_KEYS = {
    "retarget_shoulder": "stitching",
    "retarget_mouth": "lips",
    "retarget_eye": "eyes",
}


def appearance(config: AppearanceConfig) -> Table:
    """F."""
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
    """M: a ConvNeXtV2 and seven heads."""
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
    """W."""
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


# ---- sizes from a checkpoint --------------------------------------------------------------------


def config_of(found: Shapes) -> RendererConfig:
    """The sizes of the networks among `found` ("appearance.first.conv.weight" -> shape); the
    official ones for those that are not there or make no sense."""
    config = RendererConfig()
    for field, read in _SIZES.items():
        own = part(found, field)
        try:
            sizes = read(own) if own else {}
        except (KeyError, IndexError, ValueError, ZeroDivisionError):  # another network, or damage
            continue
        for name, values in sizes.items():
            if all(_positive(value) for value in values.values()):
                config = replace(config, **{name: replace(getattr(config, name), **values)})
    return config


def _positive(value: int | tuple[int, ...]) -> bool:
    return all(n > 0 for n in (value if isinstance(value, tuple) else (value,)))


def _appearance_sizes(s: Shapes) -> dict[str, dict]:
    halvings, channels = count(s, r"down_blocks\.(\d+)"), s["first.conv.weight"][0]
    widths = [s[f"down_blocks.{i}.conv.weight"][0] for i in range(halvings)]
    volume = s["resblocks_3d.3dr0.conv1.weight"][0]
    sizes = {
        "channels": channels,
        "max_channels": cap([channels, *widths], AppearanceConfig.max_channels),
        "halvings": halvings,
        "volume_channels": volume,
        "volume_depth": s["second.weight"][0] // volume,
        "resblocks": count(s, r"resblocks_3d\.(\w+)"),
    }
    return {"appearance": sizes}


def _motion_sizes(s: Shapes) -> dict[str, dict]:
    n = count(s, r"detector\.downsample_layers\.(\d+)")
    stem = s["detector.downsample_layers.0.0.weight"]
    sizes = {
        "keypoints": s["detector.fc_kp.weight"][0] // 3,
        "depths": tuple(count(s, rf"detector\.stages\.{i}\.(\d+)") for i in range(n)),
        "dims": tuple(s[f"detector.downsample_layers.{i}.{min(i, 1)}.weight"][0] for i in range(n)),
        "kernel_size": s["detector.stages.0.0.dwconv.weight"][-1],
        "patch": stem[-1],
    }
    return {"motion": sizes}


def _warping_sizes(s: Shapes) -> dict[str, dict]:
    dense_motion = part(s, "dense_motion_network")
    n = count(dense_motion, r"hourglass\.encoder\.down_blocks\.(\d+)")
    widths = [dense_motion[f"hourglass.encoder.down_blocks.{i}.conv.weight"][0] for i in range(n)]
    base = dense_motion[f"hourglass.decoder.up_blocks.{n - 1}.conv.weight"][0]
    small, volume = dense_motion["compress.weight"][:2]
    sizes = {
        "keypoints": dense_motion["mask.weight"][0] - 1,
        "compressed_channels": small,
        "hourglass_channels": base,
        "hourglass_blocks": n,
        "hourglass_max_channels": cap([base, *widths], WarpingConfig.hourglass_max_channels),
        "mask_kernel": dense_motion["mask.weight"][-1],
        "out_channels": s["fourth.weight"][0],
    }
    depth = s["third.conv.weight"][1] // volume  # W's input is F's volume
    return {"warping": sizes, "appearance": {"volume_channels": volume, "volume_depth": depth}}


def _spade_sizes(s: Shapes) -> dict[str, dict]:
    ups, norm = count(s, r"up_(\d+)"), "G_middle_0.norm_0"
    sizes = {
        "middle_channels": s["fc.weight"][0],
        "middle_blocks": count(s, r"G_middle_(\d+)"),
        "up_channels": tuple(s[f"up_{i}.conv_1.weight_orig"][0] for i in range(ups)),
        "hidden_channels": s[f"{norm}.mlp_shared.0.weight"][0],
        "modulation_kernel": s[f"{norm}.mlp_gamma.weight"][-1],
        "upscale": math.isqrt(s["conv_img.0.weight"][0] // 3),
    }
    return {"spade": sizes, "warping": {"out_channels": s["fc.weight"][1]}}


def _mlp_sizes(field: str) -> Callable[[Shapes], dict[str, dict]]:
    def sizes(s: Shapes) -> dict[str, dict]:
        n = count(s, r"mlp\.(\d+)")
        widths = tuple(s[f"mlp.{2 * i}.weight"][0] for i in range(n))
        inputs = s["mlp.0.weight"][1]
        return {field: {"inputs": inputs, "hidden": widths[:-1], "outputs": widths[-1]}}

    return sizes


# What others say of a network's neighbour comes first, the network's own word last.
_SIZES: dict[str, Callable[[Shapes], dict[str, dict]]] = {
    "spade": _spade_sizes,
    "warping": _warping_sizes,
    "motion": _motion_sizes,
    "appearance": _appearance_sizes,
    **{field: _mlp_sizes(field) for field in ("stitching", "eyes", "lips")},
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
