"""The sizes of LivePortrait's networks, read from the shapes of a checkpoint's tensors."""

import math
from collections.abc import Callable
from dataclasses import replace

from playmate_jax.converters.sizes import Shapes, cap, count, part
from playmate_jax.models.appearance import AppearanceConfig
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.warping import WarpingConfig


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
    downs, channels = count(s, r"down_blocks\.(\d+)"), s["first.conv.weight"][0]
    widths = [s[f"down_blocks.{i}.conv.weight"][0] for i in range(downs)]
    volume = s["resblocks_3d.3dr0.conv1.weight"][0]
    sizes = {
        "channels": channels,
        "max_channels": cap([channels, *widths], AppearanceConfig.max_channels),
        "halvings": downs,
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
