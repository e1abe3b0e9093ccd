"""Analytic FLOPs are those of the programs that are run."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import pytest
from jax.interpreters import partial_eval

from playmate_jax.models import motion_flops
from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.models.motion_denoiser import MotionDenoiserConfig
from playmate_jax.models.motion_model import (
    MotionModelConfig,
    example_inputs,
    init_emotion,
    init_generator,
    output,
)
from playmate_jax.motion.windows import WindowConfig

BATCH = 3
GENERATOR = MotionDenoiserConfig(
    speech_size=24, width=32, condition_width=16, layers=2, heads=4, feed_forward=48,
    kernel_size=5, dropout=0.0, unroll=2, window=WindowConfig(20, 4),
)  # fmt: skip
MODEL = MotionModelConfig(
    generator=GENERATOR, emotion=EmotionConfig(heads=4, mlp_ratio=3, condition_width=24)
)
FORWARD = motion_flops.forward_flops(MODEL, BATCH)


def programs():
    """By name: a function, the shapes of its arguments, and the FLOPs that it should have."""
    key = jax.random.key(0)
    generator = jax.eval_shape(lambda k: init_generator(GENERATOR, k), key)
    emotion = jax.eval_shape(lambda k: init_emotion(MODEL, k), key)
    motion, step, inputs = example_inputs(GENERATOR, BATCH)

    def forward(params):
        return output(MODEL, params, motion, step, inputs)

    def stage1(generator):
        return jnp.mean(jnp.square(forward({"generator": generator})))

    def stage2(emotion, generator):
        raw = forward({"generator": generator, "emotion": emotion})
        # Pose is reported, not learned: its head is evaluated.
        return jnp.mean(jnp.square(raw[..., :63])), jnp.mean(jnp.square(raw[..., 63:]))

    return {
        "forward": (forward, ({"generator": generator, "emotion": emotion},), FORWARD),
        "stage1": (jax.grad(stage1), (generator,), motion_flops.stage1_flops(MODEL, BATCH)),
        "stage2": (
            jax.grad(stage2, has_aux=True), (emotion, generator),
            motion_flops.stage2_flops(MODEL, BATCH),
        ),
    }  # fmt: skip


def matrix_products(jaxpr) -> float:
    """FLOPs of all products of matrices in a program, loops counted by their length. Those with a
    vector are sums: a bias's gradient."""
    total = 0.0
    for equation in jaxpr.eqns:
        product = equation.primitive.name == "dot_general"
        if product and min(value.aval.ndim for value in equation.invars) > 1:
            (contracted, _), _ = equation.params["dimension_numbers"]
            shape = equation.invars[0].aval.shape
            total += 2.0 * math.prod(equation.outvars[0].aval.shape) * math.prod(
                shape[axis] for axis in contracted
            )  # fmt: skip
        turns = equation.params.get("length", 1) if equation.primitive.name == "scan" else 1
        for value in equation.params.values():
            for part in value if isinstance(value, (tuple, list)) else [value]:
                inner = getattr(part, "jaxpr", part)
                if hasattr(inner, "eqns"):
                    total += turns * matrix_products(inner)
    return total


@pytest.mark.parametrize("name", ["forward", "stage1", "stage2"])
def test_matrix_products_are_those_of_the_program(name):
    function, shapes, parts = programs()[name]
    whole = jax.jit(function).trace(*shapes).jaxpr.jaxpr
    # Gradients of the batch itself, which nobody reads, go as they go in XLA.
    counted, _ = partial_eval.dce_jaxpr(whole, [True] * len(whole.outvars))
    depthwise = parts["conformer/depthwise"]
    assert matrix_products(counted) == sum(parts.values()) - depthwise


def test_depthwise_products_are_two_for_each_tap():
    frames = BATCH * 24
    assert FORWARD["conformer/depthwise"] == 2 * (2 * 5 * 32 * frames)  # layers x taps x width


@pytest.mark.parametrize("name", ["forward", "stage1", "stage2"])
def test_the_compiler_counts_hardly_more(name):
    """XLA counts elementwise work too, which at this tiny width is much of it."""
    function, shapes, parts = programs()[name]
    found = jax.jit(function).lower(*shapes).compile().cost_analysis()["flops"]
    assert 0.95 * sum(parts.values()) < found < 1.6 * sum(parts.values())


def test_flops_are_proportional_to_the_batch():
    one, four = (motion_flops.stage2_flops(MODEL, b) for b in (1, 4))
    assert four == {name: 4 * value for name, value in one.items()}


def test_a_model_without_controller_has_no_stage_2():
    with pytest.raises(ValueError, match="without"):
        motion_flops.stage2_flops(dataclasses.replace(MODEL, emotion=None), BATCH)


def test_the_paper_size_takes_the_flops_that_a_hand_computes():
    """8 layers of 512: 2 x (8 x 512 x 2048 feed-forward, ...) a frame, 110 frames a window."""
    layer = 2 * 110 * (2 * 2 * 512 * 2048 + 4 * 512 * 512 + 3 * 512 * 512 + 31 * 512)
    layer += 4 * 110 * 110 * 512
    found = motion_flops.forward_flops(MotionModelConfig(), 1)
    assert sum(v for k, v in found.items() if k.startswith("conformer/")) == 8 * layer
