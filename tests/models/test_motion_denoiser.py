"""The motion generator, its conditions and the emotion controller."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from playmate_jax.configuration import from_values, to_values
from playmate_jax.errors import UserError
from playmate_jax.models import motion_model
from playmate_jax.models.depthwise import depthwise_conv1d
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


def test_without_a_previous_window_its_speech_and_motion_are_not_heard(shaken, case):
    motion, step, inputs = case
    first = inputs.replace(has_previous=jnp.zeros(2, bool))
    p = TINY.generator.window.previous
    other = first.replace(
        speech=first.speech.at[:, :p].add(1.0), previous_motion=first.previous_motion + 1
    )
    result = run(shaken, motion, step, first)
    np.testing.assert_array_equal(result, run(shaken, motion, step, other))
    assert jnp.abs(result - run(shaken, *case)).max() > 1e-3


def test_without_speech_no_speech_is_heard(shaken, case):
    motion, step, inputs = case
    silent = inputs.replace(has_speech=jnp.zeros(2, bool))
    other = silent.replace(speech=inputs.speech + 1)
    result = run(shaken, motion, step, silent)
    np.testing.assert_array_equal(result, run(shaken, motion, step, other))
    assert jnp.abs(result - run(shaken, *case)).max() > 1e-3


VALID = np.arange(12) < np.array([[12], [7]])  # the second clip ends in its window


def padded_differently(case):
    """The case with an emotion and the mask, and the same with other numbers past the end."""
    motion, step, inputs = case
    emotion = jnp.full_like(inputs.emotion, 0.1)
    one = inputs.replace(valid=jnp.asarray(VALID), emotion=emotion)
    past = ~np.pad(VALID, ((0, 0), (4, 0)), constant_values=True)[..., None]
    other = one.replace(
        speech=jnp.where(past, 9.0, one.speech), emotion=jnp.where(past, 0.5, emotion)
    )
    return (motion, step, one), (jnp.where(past[:, 4:], -9.0, motion), step, other)


def test_frames_past_the_end_reach_no_frame_of_the_clip(shaken, case):
    one, other = padded_differently(case)
    a, b = run(shaken, *one), run(shaken, *other)
    np.testing.assert_array_equal(a[VALID], b[VALID])
    unmasked = run(shaken, *one[:2], one[2].replace(valid=None))
    assert jnp.abs(a - unmasked)[VALID].max() > 1e-3


def test_gradients_of_the_clips_frames_do_not_depend_on_what_lies_past_the_end(shaken, case):
    def loss(params, *case):
        return jnp.where(VALID[..., None], output(TINY, params, *case), 0).sum()

    one, other = (jax.jit(jax.grad(loss))(shaken, *c) for c in padded_differently(case))
    # sums over frames, of numbers that are then multiplied by zero: float32 rounding
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), one, other)


def test_a_masked_window_is_a_shorter_window(shaken, case):
    motion, step, inputs = (jax.tree.map(lambda x: x[1:], x) for x in padded_differently(case)[0])
    generator = dataclasses.replace(TINY.generator, window=WindowConfig(7, 4))
    short = jax.jit(
        lambda *case: output(dataclasses.replace(TINY, generator=generator), shaken, *case)
    )(
        motion[:, :7],
        step,
        inputs.replace(speech=inputs.speech[:, :11], emotion=inputs.emotion[:, :11], valid=None),
    )
    whole = run(shaken, motion, step, inputs)
    np.testing.assert_allclose(whole[:, :7], short, atol=2e-5)  # other sums: float32 rounding


def test_no_mask_and_a_mask_of_true_are_the_same(shaken, case):
    motion, step, inputs = case
    np.testing.assert_allclose(
        run(shaken, motion, step, inputs.replace(valid=None)), run(shaken, *case), atol=1e-5
    )


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


def changed(**changes):
    return dataclasses.replace(TINY, generator=dataclasses.replace(TINY.generator, **changes))


@pytest.fixture(scope="module")
def gradients(shaken, case):
    """A configuration -> its gradients and outputs, without dropout and with."""
    case, _ = padded_differently(case)

    @functools.cache
    def found(config):
        def loss(params, seeds):
            result = output(config, params, *case, seeds)
            return jnp.square(jnp.where(VALID[..., None], result, 0)).mean(), result

        both = jax.jit(
            lambda params, seeds: [jax.grad(loss, has_aux=True)(params, s) for s in (None, seeds)]
        )
        return both(shaken, jnp.array([7, 8], jnp.uint32))

    return found


@pytest.mark.parametrize(
    "change",
    [{"remat": "layer"}, {"remat": "dots_saveable"}, {"unroll": 2}, {"attention": "fused"}],
    ids=str,
)
def test_how_layers_are_computed_does_not_change_them(gradients, change):
    # the same operations in another order: float32 rounding
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
                 gradients(changed(**change)), gradients(TINY))  # fmt: skip


def test_old_files_say_remat_with_true_or_false():
    for old, new in ((True, "layer"), (False, "none")):
        values = {**to_values(TINY.generator), "remat": old}
        assert from_values(MotionDenoiserConfig, values).remat == new


@pytest.mark.parametrize("field", ["remat", "attention"])
def test_an_unknown_way_to_compute_is_refused_with_those_that_exist(field):
    with pytest.raises(UserError, match="expected one of .*, found 'dense'"):
        from_values(MotionDenoiserConfig, {field: "dense"})


def test_bfloat16_is_close_to_float32_and_gives_float32(shaken, case):
    motion, step, inputs = case
    inputs = inputs.replace(emotion=jnp.full_like(inputs.emotion, 0.1))
    exact = run(shaken, motion, step, inputs)
    half = jax.jit(lambda *case: output(TINY, shaken, *case, precision="bfloat16"))(
        motion, step, inputs
    )
    assert half.dtype == jnp.float32
    # 8 bits of mantissa: 0.4 % a rounding, through two layers and two blocks
    assert jnp.abs(half - exact).max() < 0.05 * jnp.abs(exact).max()
    assert jnp.abs(half - exact).max() > 1e-4 * jnp.abs(exact).max()


def test_in_bfloat16_matrices_are_multiplied_in_it_and_softmax_is_float32(shaken, case):
    text = str(jax.make_jaxpr(lambda p: output(TINY, p, *case, precision="bfloat16"))(shaken))
    dots = [line for line in text.splitlines() if "dot_general[" in line]
    assert dots and all(":bf16" in line for line in dots)
    exponentials = [line for line in text.splitlines() if " = exp " in line]
    assert exponentials and all(":f32" in line for line in exponentials)


def test_float64_stays_float64(shaken, case):
    with jax.enable_x64(True):
        params, motion, inputs = jax.tree.map(
            lambda x: jnp.asarray(x, jnp.float64) if x.dtype == jnp.float32 else jnp.asarray(x),
            jax.tree.map(np.asarray, (shaken, case[0], case[2])),
        )
        step, seeds = jnp.asarray(np.asarray(case[1])), jnp.array([1, 2], jnp.uint32)
        result = jax.jit(lambda p: output(TINY, p, motion, step, inputs))(params)
        assert result.dtype == jnp.float64
        gradient = jax.grad(lambda p: output(TINY, p, motion, step, inputs, seeds).sum())
        types = {x.dtype for x in jax.tree.leaves(jax.eval_shape(gradient, params))}
        assert types == {jnp.dtype("float64")}
    np.testing.assert_allclose(result, run(shaken, *case), atol=2e-5)  # float32 rounding


def test_a_rows_dropout_does_not_depend_on_its_neighbours(shaken, case):
    seeds = jnp.array([7, 8], jnp.uint32)
    dropped = jax.jit(lambda seeds, *case: output(TINY, shaken, *case, seeds))
    both = dropped(seeds, *case)
    alone = dropped(seeds[1:], *jax.tree.map(lambda x: x[1:], case))
    np.testing.assert_allclose(both[1:], alone, atol=2e-5)  # float32 rounding
    assert jnp.abs(both - run(shaken, *case)).max() > 1e-3
    assert jnp.abs(both - dropped(seeds + 1, *case)).max() > 1e-3


def test_residual_branches_start_weak_together():
    """At full strength eight layers drown what differs between frames, and nothing is learned."""
    config = MotionDenoiserConfig(width=64, condition_width=16, feed_forward=128, heads=2)
    init = jax.jit(lambda key: motion_model.init_generator(config, key))
    layer = init(jax.random.key(0))["conformer"]["layers"]
    ends = {
        name: layer[name][last]["kernel"]
        for name, last in (("feed_forward_in", "linear_out"), ("feed_forward_out", "linear_out"),
                           ("attention", "out"))
    } | {"pointwise_out": layer["pointwise_out"]["kernel"]}  # fmt: skip
    for name, kernel in ends.items():
        wanted = (4 * config.layers * kernel.shape[1]) ** -0.5
        np.testing.assert_allclose(kernel.std(), wanted, rtol=0.05, err_msg=name)
