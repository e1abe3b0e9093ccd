"""Our motion generator with its emotion controller and statistics, in PyTorch and in Flax.

The layers of the Conformer, which Flax stacks, are a ModuleList in PyTorch.
"""

import functools

import jax
import numpy as np
from flax.traverse_util import flatten_dict

from playmate_jax.converters.layers import stacked, under
from playmate_jax.converters.own_names import own_names
from playmate_jax.converters.rules import Table
from playmate_jax.converters.sizes import Shapes, count
from playmate_jax.models import motion_model
from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.models.motion_denoiser import MotionDenoiserConfig
from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.motion.layout import EXPRESSION_SIZE, POSE_SIZE
from playmate_jax.motion.normalization import MotionStatistics, Statistics

STACK = "conformer/layers/"  # of the generator: a leading axis of layers


@functools.cache
def leaf_shapes(config: MotionModelConfig) -> dict[str, tuple[int, ...]]:
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


def table(config: MotionModelConfig) -> Table:
    """Generator, controller if any, statistics: `generator.`, `emotion.`, `statistics.`."""
    shapes = leaf_shapes(config)
    layer = {
        path.removeprefix(f"generator/{STACK}"): shape[1:]
        for path, shape in shapes.items()
        if path.startswith(f"generator/{STACK}")
    }
    single = {path: s for path, s in shapes.items() if not path.startswith(f"generator/{STACK}")}
    source = "generator." + STACK.replace("/", ".").removesuffix(".")
    layers = stacked(source, config.generator.layers, own_names(layer))
    return own_names(single) + under(f"generator/{STACK}", layers)


def sizes(found: Shapes) -> MotionModelConfig:
    """Sizes that decide which tensors there are; others cannot be read from shapes."""
    layers = count(found, r"generator\.conformer\.layers\.(\d+)")
    blocks = count(found, r"emotion\.block_(\d+)")
    return MotionModelConfig(
        generator=MotionDenoiserConfig(layers=max(1, layers)),
        emotion=EmotionConfig(blocks=blocks) if blocks else None,
    )


def _statistics(config: MotionModelConfig) -> Statistics:
    """Zeros in the shapes of the statistics."""
    generator = config.generator
    expression = np.zeros(EXPRESSION_SIZE, np.float32)
    motion = MotionStatistics(*[expression] * 4, np.zeros(POSE_SIZE, np.float32))
    speech = np.zeros(generator.speech_size, np.float32)
    identity = np.zeros(generator.identity_size, np.float32)
    return Statistics(motion, speech, speech, identity, identity)
