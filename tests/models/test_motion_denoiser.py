"""The motion generator, its conditions and the emotion controller."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from playmate_jax.models import motion_model
from playmate_jax.models.conformer import depthwise_conv1d
from playmate_jax.models.emotion import EmotionConfig, demo_emotion, per_frame
from playmate_jax.models.motion_denoiser import MotionDenoiserConfig, demo_generator
from playmate_jax.models.motion_model import MotionModelConfig, example_inputs, output
from playmate_jax.motion.windows import WindowConfig

TINY = MotionModelConfig(
    generator=MotionDenoiserConfig(
        speech_size=6, width=16, condition_width=8, layers=2, heads=2, feed_forward=16,
        kernel_size=5, dropout=0.1, prediction="x0", window=WindowConfig(12, 4),
    ),
    emotion=EmotionConfig(heads=2, condition_width=8),
)  # fmt: skip


@pytest.fixture(scope="module")
def params():
    """Random, with nothing at zero: heads and gates start at zero and would hide everything."""
    tree = {
        "generator": jax.jit(lambda k: motion_model.init_generator(TINY.generator, k))(
            jax.random.key(0)
        ),
        "emotion": jax.jit(lambda k: motion_model.init_emotion(TINY, k))(jax.random.key(1)),
    }
    return tree


@pytest.fixture(scope="module")
def shaken(params):
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda x: x + 0.2 * rng.standard_normal(x.shape).astype("f"), params)


@pytest.fixture(scope="module")
def case():
    _, step, inputs = example_inputs(TINY.generator, 2)
    rng = np.random.default_rng(1)

    def noise(x):
        return jnp.asarray(rng.standard_normal(x.shape), jnp.float32)

    motion = noise(jnp.zeros((2, 12, 70)))
    inputs = inputs.replace(
        previous_motion=noise(inputs.previous_motion),
        speech=noise(inputs.speech),
        identity=noise(inputs.identity),
    )
    return motion, step + 30, inputs


run = jax.jit(lambda params, *case: output(TINY, params, *case))


def test_shapes_are_those_of_the_layout(shaken, case):
    assert run(shaken, *case).shape == (2, 12, 70)


def test_at_initialisation_the_controller_is_the_identity_bit_for_bit(shaken, params, case):
    motion, step, inputs = case
    inputs = inputs.replace(emotion=jnp.ones_like(inputs.emotion) / 8)
    fresh = {"generator": shaken["generator"], "emotion": params["emotion"]}
    stage1 = run({"generator": shaken["generator"]}, motion, step, inputs)
    np.testing.assert_array_equal(run(fresh, motion, step, inputs), stage1)


def test_without_emotion_a_trained_controller_is_the_identity_bit_for_bit(shaken, case):
    stage1 = run({"generator": shaken["generator"]}, *case)
    np.testing.assert_array_equal(run(shaken, *case), stage1)


def test_emotion_moves_expression_and_never_pose(shaken, case):
    motion, step, inputs = case
    happy = inputs.replace(emotion=per_frame(jnp.eye(8)[jnp.array([5, 5])], 16))
    plain, moved = run(shaken, *case), run(shaken, motion, step, happy)
    np.testing.assert_array_equal(moved[..., 63:], plain[..., 63:])
    assert jnp.abs(moved[..., :63] - plain[..., :63]).max() > 1e-3


@pytest.mark.parametrize("name", ["has_speech", "has_previous"])
def test_a_null_condition_hides_what_it_replaces(shaken, case, name):
    motion, step, inputs = case
    hidden = inputs.replace(**{name: jnp.zeros(2, bool)})
    other = hidden.replace(
        speech=inputs.speech if name == "has_previous" else inputs.speech + 1,
        previous_motion=inputs.previous_motion + (1 if name == "has_previous" else 0),
    )
    np.testing.assert_array_equal(
        run(shaken, motion, step, hidden), run(shaken, motion, step, other)
    )
    assert jnp.abs(run(shaken, motion, step, hidden) - run(shaken, *case)).max() > 1e-3


@pytest.mark.parametrize("name", ["previous_motion", "speech", "identity"])
def test_every_condition_is_heard(shaken, case, name):
    motion, step, inputs = case
    changed = inputs.replace(**{name: getattr(inputs, name) + 1})
    assert jnp.abs(run(shaken, motion, step, changed) - run(shaken, *case)).max() > 1e-3


def test_the_step_is_heard(shaken, case):
    motion, step, inputs = case
    assert jnp.abs(run(shaken, motion, step + 500, inputs) - run(shaken, *case)).max() > 1e-3


def test_samples_do_not_see_each_other(shaken, case):
    motion, step, inputs = case
    alone = jax.tree.map(lambda x: x[:1], (motion, step, inputs))
    # XLA may split the sums of another batch size differently: float32 rounding
    np.testing.assert_allclose(run(shaken, *alone), run(shaken, *case)[:1], atol=2e-5)


def test_depthwise_convolution_is_laxs():
    rng = np.random.default_rng(0)
    x, taps = (jnp.asarray(rng.standard_normal(s), jnp.float32) for s in ((2, 9, 4), (5, 4)))

    def reference(x, taps):
        return jax.lax.conv_general_dilated(
            x, taps[:, None], (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC"),
            feature_group_count=4,
        )  # fmt: skip

    np.testing.assert_allclose(depthwise_conv1d(x, taps), reference(x, taps), atol=1e-5)

    def gradient(f):
        return jax.grad(lambda x, taps: (f(x, taps) ** 3).sum(), (0, 1))(x, taps)

    ours, theirs = gradient(depthwise_conv1d), gradient(reference)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


def test_branches_go_from_no_condition_to_all(case):
    _, _, inputs = case
    inputs = inputs.replace(emotion=jnp.ones_like(inputs.emotion))
    branches = motion_model.null_branches(inputs, with_emotion=True)
    assert branches.has_speech[:, 0].tolist() == [False, True, True]
    assert branches.emotion[:, 0, 0, 0].tolist() == [0, 0, 1]
    assert motion_model.null_branches(inputs, with_emotion=False).has_speech.shape == (2, 2)


def tree_of(config):
    def init():
        tree = {"generator": motion_model.init_generator(config.generator, jax.random.key(0))}
        return tree | {"emotion": motion_model.init_emotion(config, jax.random.key(0))}

    return flatten_dict(jax.eval_shape(init), sep="/")


def test_the_paper_size_is_designs():
    config = MotionModelConfig(emotion=EmotionConfig())
    tree = tree_of(config)
    layers = "generator/conformer/layers"
    assert tree[f"{layers}/feed_forward_in/linear_in/kernel"].shape == (8, 512, 2048)
    assert tree[f"{layers}/depthwise/kernel"].shape == (8, 31, 512)
    assert tree["generator/expression_head/linear_out/kernel"].shape[-1] == 63
    assert tree["generator/pose_head/linear_out/kernel"].shape[-1] == 7
    assert config.generator.prediction == "noise" and config.generator.dropout == 0.1
    assert {name.split("/")[1] for name in tree if name.startswith("emotion/block")} == {
        "block_0",
        "block_1",
    }


def test_the_demo_size_is_small():
    config = MotionModelConfig(generator=demo_generator(96), emotion=demo_emotion())
    assert sum(np.prod(x.shape) for x in tree_of(config).values()) < 2.5e6


def test_rematerialised_and_unrolled_layers_are_the_same_network(shaken, case):
    for change in ({"remat": True}, {"unroll": 2}):
        generator = dataclasses.replace(TINY.generator, **change)
        same = jax.jit(
            lambda params, *case, g=generator: output(
                dataclasses.replace(TINY, generator=g), params, *case
            )
        )(shaken, *case)
        np.testing.assert_allclose(same, run(shaken, *case), atol=1e-5)
