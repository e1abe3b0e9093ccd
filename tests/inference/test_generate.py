"""Generation window by window, on a tiny model with random weights."""

import dataclasses

import jax
import numpy as np
import pytest

from playmate_jax.configuration import to_values
from playmate_jax.data.motion_data import MotionData
from playmate_jax.errors import UserError
from playmate_jax.inference import generate as generate_module
from playmate_jax.inference.generate import (
    GenerateOptions,
    MotionModel,
    generate,
    motion_model,
)
from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.models.motion_denoiser import MotionDenoiserConfig
from playmate_jax.models.motion_model import MotionModelConfig, init_emotion, init_generator
from playmate_jax.motion.layout import POSE
from playmate_jax.motion.windows import WindowConfig
from tests.data.made_up_records import random_records

CONFIG = MotionModelConfig(
    generator=MotionDenoiserConfig(
        speech_size=8, width=16, condition_width=8, layers=1, heads=2, feed_forward=16,
        kernel_size=3, dropout=0.0, prediction="x0", window=WindowConfig(20, 4),
    ),
    emotion=EmotionConfig(heads=2, condition_width=8),
)  # fmt: skip
QUICK = GenerateOptions(steps=4)


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)

    def shaken(tree):
        return jax.tree.map(
            lambda x: np.asarray(x) + 0.1 * rng.standard_normal(x.shape).astype("f"), tree
        )

    params = {
        "generator": shaken(
            jax.jit(lambda k: init_generator(CONFIG.generator, k))(jax.random.key(0))
        ),
        "emotion": shaken(jax.jit(lambda k: init_emotion(CONFIG, k))(jax.random.key(1))),
    }
    return MotionModel(CONFIG, params, MotionData(random_records(0)).statistics)


@pytest.fixture(scope="module")
def speech():
    return np.random.default_rng(1).standard_normal((70, 8)).astype(np.float32)


OWN = np.linspace(0, 1, 70, dtype=np.float32)
FACE = np.zeros(63, np.float32)


def test_strong_guidance_stays_within_the_training_sets_expressions(model, speech):
    options = dataclasses.replace(QUICK, audio_scale=40.0, emotion_scale=40.0)
    made = generate(model, speech, FACE, OWN, np.eye(8, dtype=np.float32)[5], options)
    seen = model.statistics.motion
    slack = 1e-5  # normalised and back in float32
    assert (made[:, :63] >= seen.expression_low - slack).all()
    assert (made[:, :63] <= seen.expression_high + slack).all()


@pytest.mark.parametrize("prediction, last", [("x0", 300), ("noise", 0), ("v", 0)])
def test_only_estimates_of_clean_motion_are_taken_early(
    model, speech, monkeypatch, prediction, last
):
    asked = []

    def sampler(predict, key, x, schedule, n_steps, bounds, last):
        asked.append(last)
        return x

    monkeypatch.setitem(generate_module.SAMPLERS, f"spy {prediction}", sampler)
    generator = dataclasses.replace(CONFIG.generator, prediction=prediction)
    config = dataclasses.replace(CONFIG, generator=generator)
    options = GenerateOptions(sampler=f"spy {prediction}", steps=4)
    generate(dataclasses.replace(model, config=config), speech, FACE, OWN, options=options)
    assert set(asked) == {last}


@pytest.mark.parametrize("n_frames", [1, 19, 20, 21, 70])
def test_motion_is_as_long_as_the_speech(model, speech, n_frames):
    motion = generate(model, speech[:n_frames], FACE, OWN, options=QUICK)
    assert motion.shape == (n_frames, 70) and np.isfinite(motion).all()


def test_the_same_seed_gives_the_same_motion_and_another_another(model, speech):
    one = generate(model, speech, FACE, OWN, options=QUICK)
    np.testing.assert_array_equal(one, generate(model, speech, FACE, OWN, options=QUICK))
    other = generate(model, speech, FACE, OWN, options=dataclasses.replace(QUICK, seed=1))
    assert np.abs(one - other).max() > 1e-3


def test_a_batch_of_one_is_a_clip(model, speech):
    alone = generate(model, speech, FACE, OWN, options=QUICK)
    batch = generate(model, speech[None], FACE[None], OWN[None], options=QUICK)
    np.testing.assert_array_equal(batch[0], alone)


def test_the_head_moves_around_the_portraits_pose(model, speech):
    still = generate(model, speech, FACE, OWN, options=dataclasses.replace(QUICK, head_motion=0.0))
    np.testing.assert_allclose(still[:, POSE], np.broadcast_to(OWN[POSE], (70, 7)), atol=1e-6)
    full = generate(model, speech, FACE, OWN, options=QUICK)
    half = generate(model, speech, FACE, OWN, options=dataclasses.replace(QUICK, head_motion=0.5))
    np.testing.assert_allclose(
        half[:, POSE] - OWN[POSE], 0.5 * (full[:, POSE] - OWN[POSE]), atol=1e-5
    )


def test_no_emotion_and_zero_intensity_are_the_same_motion(model, speech):
    plain = generate(model, speech, FACE, OWN, options=QUICK)
    np.testing.assert_array_equal(
        generate(model, speech, FACE, OWN, np.zeros(8), options=QUICK), plain
    )


def test_emotion_per_clip_is_that_emotion_in_every_frame(model, speech):
    happy = np.eye(8, dtype=np.float32)[5]
    clip = generate(model, speech, FACE, OWN, happy, options=QUICK)
    frames = generate(model, speech, FACE, OWN, np.tile(happy, (70, 1)), options=QUICK)
    np.testing.assert_array_equal(clip, frames)


def test_emotion_scale_zero_is_no_emotion(model, speech):
    happy = np.eye(8, dtype=np.float32)[5]
    off = dataclasses.replace(QUICK, emotion_scale=0.0)
    asked = generate(model, speech, FACE, OWN, happy, options=off)
    plain = generate(model, speech, FACE, OWN, options=QUICK)
    # three branches in one batch against two: float32 rounding through four steps
    np.testing.assert_allclose(asked, plain, atol=1e-3)


def test_the_sampler_is_compiled_once_for_any_length(model, speech):
    generate(model, speech[:20], FACE, OWN, options=QUICK)
    compiled = generate_module._sample_window._cache_size()
    generate(model, speech, FACE, OWN, options=dataclasses.replace(QUICK, seed=3, audio_scale=2.0))
    assert generate_module._sample_window._cache_size() == compiled


def test_progress_is_told_window_by_window(model, speech):
    told = []
    generate(
        model, speech, FACE, OWN, options=QUICK, progress=lambda done, total: told.append(done)
    )
    assert told == [20, 40, 60, 70]


def test_an_unknown_sampler_is_told_with_the_nearest():
    with pytest.raises(UserError, match="ddim"):
        GenerateOptions(sampler="dddim")


def test_weights_of_another_size_are_refused(model):
    values = to_values(dataclasses.replace(CONFIG, emotion=None))
    params = {**model.params, "statistics": model.statistics.to_tree()}
    with pytest.raises(UserError, match=r"\+ emotion"):
        motion_model(values, params)
