"""Our own networks in PyTorch: the motion generator with its emotion controller and statistics, and
renderers whose options LivePortrait does not have.

PyTorch's names are those of the Flax tree with dots, with `weight` for `kernel` and `scale`, as the
modules of `references/` have them; the layers of the Conformer, which Flax stacks, are a
ModuleList. The op follows from a leaf's name and rank, so the tables need no list of layers.
"""

import functools
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict

from playmate_jax.converters.rules import (
    CONV,
    DEPTHWISE,
    IDENTITY,
    LINEAR,
    Op,
    Rule,
    Table,
    flat_window,
    prefixed,
    stacked,
    under,
)
from playmate_jax.converters.sizes import Shapes, count
from playmate_jax.errors import UserError
from playmate_jax.models import motion_model, renderer
from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.models.motion_denoiser import MotionDenoiserConfig
from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.motion.layout import EXPRESSION_SIZE, POSE_SIZE
from playmate_jax.motion.normalization import MotionStatistics, Statistics

STACK = "conformer/layers/"  # of the generator: a leading axis of layers
# PyTorch's names of leaves, of a collection or of any.
PYTORCHS: dict[Any, str] = {
    "scale": "weight",
    ("batch_stats", "mean"): "running_mean",
    ("batch_stats", "var"): "running_var",
    ("spectral", "u"): "weight_u",
}
COLLECTIONS = ("params", "batch_stats", "spectral")
# Fields whose other values make layers that LivePortrait does not have.
OPTIONS = {
    "appearance": ("norm", "patch"),
    "motion": ("pool", "trunk"),
    "warping": ("norm", "hourglass_inputs", "keypoint_code", "picture_flow", "rigid_keypoints"),
    "spade": ("spectral_norm", "picture_skip", "shared_modulation", "drawn_keypoints"),
}


@functools.cache
def motion_shapes(config: MotionModelConfig) -> dict[str, tuple[int, ...]]:
    """Every leaf of a motion model's parameters and its shape, statistics included."""
    key = jax.random.key(0)
    tree = {
        "generator": jax.eval_shape(lambda k: motion_model.init_generator(config.generator, k), key)
    }
    if config.emotion is not None:
        tree["emotion"] = jax.eval_shape(lambda k: motion_model.init_emotion(config, k), key)
    shapes = {path: leaf.shape for path, leaf in flatten_dict(tree, sep="/").items()}
    statistics = flatten_dict(_statistics(config).to_tree(), sep="/")
    return shapes | {f"statistics/{path}": leaf.shape for path, leaf in statistics.items()}


def motion_table(config: MotionModelConfig) -> Table:
    """Generator, controller if any, statistics: `generator.`, `emotion.`, `statistics.`."""
    shapes = motion_shapes(config)
    layer = {
        path.removeprefix(f"generator/{STACK}"): shape[1:]
        for path, shape in shapes.items()
        if path.startswith(f"generator/{STACK}")
    }
    single = {path: s for path, s in shapes.items() if not path.startswith(f"generator/{STACK}")}
    source = "generator." + STACK.replace("/", ".").removesuffix(".")
    layers = stacked(source, config.generator.layers, own_names(layer))
    return own_names(single) + under(f"generator/{STACK}", layers)


def motion_sizes(found: Shapes) -> MotionModelConfig:
    """Sizes that decide which tensors there are; heads, windows and the rest are not told."""
    layers = count(found, r"generator\.conformer\.layers\.(\d+)")
    blocks = count(found, r"emotion\.block_(\d+)")
    return MotionModelConfig(
        generator=MotionDenoiserConfig(layers=max(1, layers)),
        emotion=EmotionConfig(blocks=blocks) if blocks else None,
    )


def renderer_sizes(_: Shapes) -> RendererConfig:
    """Options are not told by shapes: names as at the paper's size."""
    return RendererConfig()


@functools.cache
def renderer_shapes(config: RendererConfig) -> dict[str, tuple[int, ...]]:
    """Every leaf of F, M, W and G and its shape."""
    leaves = flatten_dict(renderer.shapes(config), sep="/")
    return {path: leaf.shape for path, leaf in leaves.items()}


def renderer_table(config: RendererConfig) -> Table:
    """F, M, W and G of any configuration: `appearance.`, `motion.`, `warping.`, `spade.`."""
    table: Table = []
    shapes = renderer_shapes(config)
    for field in ("appearance", "motion", "warping", "spade"):
        own = {
            k.removeprefix(f"{field}/"): v for k, v in shapes.items() if k.startswith(f"{field}/")
        }
        table += prefixed(f"{field}.", under(f"{field}/", own_names(own)))
    return table


def has_options(config: RendererConfig) -> bool:
    """Whether the renderer has a layer that LivePortrait's networks do not have."""
    plain = RendererConfig()
    return any(
        getattr(getattr(config, part), name) != getattr(getattr(plain, part), name)
        for part, names in OPTIONS.items()
        for name in names
    )


def own_names(shapes: Shapes) -> Table:
    """A table for leaves ("a/b/kernel", or with a collection in front) by their names and ranks."""
    return [_rule(path, shape, shapes) for path, shape in shapes.items()]


def _rule(path: str, shape: tuple[int, ...], shapes: Shapes) -> Rule:
    collection, _, rest = path.partition("/")
    name = rest if collection in COLLECTIONS else path
    stem, _, leaf = name.rpartition("/")
    stem = f"{stem}." if stem else ""
    if leaf == "kernel":
        spectral = f"spectral/{name.removesuffix('kernel')}u" in shapes
        source, op = "weight_orig" if spectral else "weight", _kernel_op(stem, len(shape))
    elif collection == "spectral" and leaf == "v":
        source, op = "weight_v", flat_window(shape[0])
    else:
        source, op = PYTORCHS.get((collection, leaf), PYTORCHS.get(leaf, leaf)), IDENTITY
    return Rule(f"{stem}{source}".replace("/", "."), path, op)


def _kernel_op(stem: str, rank: int) -> Op:
    if stem.endswith("depthwise."):
        return DEPTHWISE[rank - 1]
    return LINEAR if rank == 2 else CONV[rank - 2]  # noqa: PLR2004


def no_config(*_: Any) -> Any:
    """What cannot be told from tensors: heads, windows, schedules."""
    raise UserError(
        "expected the configuration in the checkpoint, as `playmate convert --to torch` writes it, "
        "found tensors alone: convert from the file that was exported"
    )


def _statistics(config: MotionModelConfig) -> Statistics:
    """Zeros in the shapes of the statistics."""
    generator = config.generator
    expression = np.zeros(EXPRESSION_SIZE, np.float32)
    motion = MotionStatistics(*[expression] * 4, np.zeros(POSE_SIZE, np.float32))
    speech = np.zeros(generator.speech_size, np.float32)
    identity = np.zeros(generator.identity_size, np.float32)
    return Statistics(motion, speech, speech, identity, identity)
