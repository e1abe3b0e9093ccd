"""Hopenet, the teacher of head pose, as its published `hopenet_robust_alpha1.pkl` names it."""

import functools

import numpy as np

from playmate_jax.converters.layers import batch_norm, conv, dense
from playmate_jax.converters.rules import Ignored, Table
from playmate_jax.converters.sizes import Shapes, count, image_leaf_shapes
from playmate_jax.models.hopenet import ANGLES, EXPANSION, Hopenet, HopenetConfig


def table(config: HopenetConfig) -> Table:
    """ResNet's names; `fc_finetune` is an unused layer of an earlier experiment."""
    rules = _conv_norm("", "1", "", "first")
    for i, depth in enumerate(config.depths):
        for j in range(depth):
            source, target = f"layer{i + 1}.{j}.", f"stage_{i}_block_{j}/"
            for k in ("1", "2", "3"):
                rules += _conv_norm(source, k, target, k)
            if j == 0:
                rules += conv(f"{source}downsample.0", f"{target}conv_shortcut", bias=False)
                rules += batch_norm(f"{source}downsample.1", f"{target}norm_shortcut")
    for angle in ANGLES:
        rules += dense(f"fc_{angle}", f"head_{angle}")
    features = EXPANSION * config.widths[-1] + 3
    unread = {"weight": np.zeros((3, features), np.float32), "bias": np.zeros(3, np.float32)}
    return rules + [Ignored(f"fc_finetune.{name}", value) for name, value in unread.items()]


def config_of(shapes: Shapes) -> HopenetConfig:
    """Blocks of every stage and the widths of their 3x3 convolutions."""
    stages = range(1, 1 + count(shapes, r"(layer\d+)\."))
    depths = tuple(count(shapes, rf"layer{i}\.(\d+)\.") for i in stages)
    return HopenetConfig(depths, tuple(shapes[f"layer{i}.0.conv2.weight"][0] for i in stages))


@functools.cache
def leaf_shapes(config: HopenetConfig) -> Shapes:
    """Every leaf and its shape."""
    return image_leaf_shapes(Hopenet(config), 32)


def _conv_norm(source: str, number: str, target: str, name: str) -> Table:
    rules = conv(f"{source}conv{number}", f"{target}conv_{name}", bias=False)
    return rules + batch_norm(f"{source}bn{number}", f"{target}norm_{name}")
