"""Stages 1 and 2 on random clips of a tiny size."""

import dataclasses
import json
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.configs import demo_stage1
from playmate_jax.configuration import from_values
from playmate_jax.data.motion_batch import MotionBatch
from playmate_jax.data.motion_data import MotionData
from playmate_jax.data.speech_noise import SpeechNoise
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import load_weights
from playmate_jax.inference.generate import load_motion_model
from playmate_jax.losses.motion import LossConfig, motion_loss
from playmate_jax.losses.motion_draws import draws
from playmate_jax.losses.readouts import ReadoutConfig, readout
from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.models.motion_denoiser import MotionDenoiserConfig
from playmate_jax.models.motion_model import MotionModelConfig, init_generator
from playmate_jax.motion.layout import EYE_KEYPOINTS, LIP_KEYPOINTS
from playmate_jax.motion.windows import WindowConfig
from playmate_jax.parallel.share import ALONE
from playmate_jax.synthetic.expression import BASIS, UNITS
from playmate_jax.training.experiment import load_config
from playmate_jax.training.loop import LoopConfig, train
from playmate_jax.training.optimizer import OptimizerConfig
from playmate_jax.training.stage1 import Stage1Config, stage1
from playmate_jax.training.stage2 import Stage2Config, partition, stage2
from tests.data.made_up_records import assert_batch, random_records

WINDOW = WindowConfig(16, 4)
MODEL = MotionModelConfig(
    generator=MotionDenoiserConfig(
        speech_size=8, width=16, condition_width=8, layers=1, heads=2, feed_forward=16,
        kernel_size=3, dropout=0.0, prediction="x0", window=WINDOW,
    )
)  # fmt: skip
READOUT = demo_stage1.config().loss.readout
LOSS = LossConfig(
    velocity_weight=1.0, pose_velocity_weight=1.0, readout_weight=0.1, readout=READOUT
)
FAST = OptimizerConfig(learning_rate=3e-3)
QUIET = LoopConfig(checkpoint_minutes=0)


@pytest.fixture(scope="module")
def clips():
    return MotionData(random_records(0, n=5, frames=60, features=8))


@pytest.fixture(scope="module")
def batch(clips):
    """A window, as stage 1 sees it."""
    config = Stage1Config(steps=1, clips="")
    with clips.batches(clips.statistics, 1, config.windows(WINDOW))(0, 0) as batches:
        return jax.tree.map(jnp.asarray, next(batches))


@pytest.fixture(scope="module")
def trained(clips, tmp_path_factory):
    """Stage 1 and, on top of it, stage 2; both a few steps."""
    folder = tmp_path_factory.mktemp("runs")
    one = Stage1Config(steps=30, clips="", model=MODEL, loss=LOSS, optimizer=FAST, batch_size=4)
    first = stage1(one, clips)
    done = train(first, folder / "stage1", 30, loop=QUIET, quiet=True)
    first.export(done.state, folder / "stage1" / "weights")
    two = Stage2Config(
        steps=6, stage1=str(folder / "stage1" / "weights"), clips="", loss=LOSS, optimizer=FAST,
        emotion=EmotionConfig(heads=2, condition_width=8), batch_size=4,
    )  # fmt: skip
    _, params, _ = load_weights(two.stage1)
    second = stage2(two, dataclasses.replace(MODEL), params, clips)
    done = train(second, folder / "stage2", 6, loop=QUIET, quiet=True)
    second.export(done.state, folder / "stage2" / "weights")
    return folder


def test_stage_1_learns(trained):
    rows = [json.loads(x) for x in (trained / "stage1" / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["loss"] < 1.6 and {"diffusion", "velocity", "readout"} <= rows[-1].keys()


def test_in_stage_2_no_bit_of_stage_1_changes(trained):
    _, before, _ = load_weights(trained / "stage1" / "weights")
    _, after, _ = load_weights(trained / "stage2" / "weights")
    assert jax.tree.structure(before["generator"]) == jax.tree.structure(after["generator"])
    for name in ("generator", "statistics"):
        chex.assert_trees_all_equal(before[name], after[name])


def test_stage_2_trains_the_controller(trained):
    _, params, _ = load_weights(trained / "stage2" / "weights")
    # gates and scales start at zero
    assert np.abs(params["emotion"]["block_1"]["modulation"]["kernel"]).max() > 1e-4


def test_exported_weights_generate(trained):
    model = load_motion_model(trained / "stage2" / "weights")
    assert model.card["title"] == "speech to motion with emotion"
    assert model.config.generator.window == WINDOW


def test_a_rule_that_freezes_nothing_is_an_error():
    with pytest.raises(ValueError, match="freezes 0"):
        partition({"a": {"b": np.zeros(1)}}, "^generator/")


@pytest.mark.parametrize("number", [1, 2])
def test_a_batch_is_what_its_type_says_before_and_inside_the_step(number, clips, trained, tmp_path):
    """Keys, shapes and dtypes of `MotionBatch`, for the pipeline's arrays and the step's tracers;
    and a whole run compiles its step once."""
    stage = a_stage(number, clips, trained)
    seen = []

    def step(state, batch, key, share):
        seen.append(batch)
        assert_batch(batch, MotionBatch)
        return stage.step(state, batch, key, share)

    with stage.batches(0, 0) as batches:
        assert_batch(next(batches), MotionBatch)
    chex.clear_trace_counter()  # it counts by name, and the name is taken by the other stage
    once = dataclasses.replace(stage, step=chex.assert_max_traces(step, n=1))
    done = train(once, tmp_path, 4, loop=QUIET, quiet=True)
    assert len(seen) == 1 and done.step == 4
    chex.assert_tree_all_finite(done.state)


def a_stage(number, clips, trained, **changes):
    """A shipped configuration of stage 1 or 2, on a tiny model."""
    if number == 1:
        return stage1(dataclasses.replace(shipped("demo_stage1"), model=MODEL, **changes), clips)
    _, params, _ = load_weights(trained / "stage1" / "weights")
    emotion = EmotionConfig(heads=2, condition_width=8)
    config = dataclasses.replace(shipped("demo_stage2"), emotion=emotion, **changes)
    return stage2(config, MODEL, params, clips)


def shipped(name):
    return load_config(Path(__file__).parents[2] / "configs" / f"{name}.py")


def test_a_folder_without_clips_is_an_error(tmp_path):
    with pytest.raises(UserError, match="expected a prepared data set"):
        Stage1Config(steps=1, clips=str(tmp_path)).stage()


@pytest.mark.parametrize(
    "name",
    [
        "demo_stage1",
        "demo_stage1_head",
        "demo_stage2",
        "demo_formant_only",
        "paper_stage1",
        "paper_stage2",
        "tiny_stage1",
        "tiny_stage2",
    ],
)
def test_shipped_configurations_load_and_are_plain_values(name):
    config = shipped(name)
    assert config.steps > 0
    values = json.loads(json.dumps(config.description()))
    assert from_values(type(config), {**values, "workers": config.workers}) == config
    assert len(json.dumps(values["loss"])) < 1000  # names of readings, no matrix


def test_the_papers_configurations_add_no_noise_to_the_identity():
    assert shipped("paper_stage1").windows(WINDOW).identity_noise == 0
    assert shipped("paper_stage2").windows(WINDOW).identity_noise == 0


@pytest.mark.parametrize("number", [1, 2])
def test_shipped_configurations_shrunk_resume_as_if_uninterrupted(number, clips, trained, tmp_path):
    stage = a_stage(number, clips, trained, steps=3, batch_size=2)
    whole = train(stage, tmp_path / "a", 3, loop=QUIET, quiet=True)
    train(stage, tmp_path / "b", 2, loop=QUIET, quiet=True)
    rest = train(stage, tmp_path / "b", 3, loop=QUIET, quiet=True)
    chex.assert_trees_all_equal(whole.state, rest.state)


@pytest.mark.parametrize("limit", [1.0, 5.0])
def test_a_window_counts_by_its_signal_to_noise_ratio(clips, batch, limit):
    """One window: its loss is `limit`-clamped SNR times the plain one, in every part."""
    params = {"generator": init_generator(MODEL.generator, jax.random.key(0))}
    units = readout(READOUT, clips.statistics.motion, clips.expressions)
    bars = np.asarray(MODEL.schedule.build().alphas_bar)
    counted = dataclasses.replace(LOSS, snr_limit=limit)
    weights = []
    for seed in range(12):
        keys = ALONE.row_keys(jax.random.key(seed), 1)
        step = int(draws(keys, len(bars), WINDOW).step[0])
        weight = np.clip(bars[step] / (1 - bars[step]), 1, limit)
        one = motion_loss(LOSS, MODEL, params, batch, keys, units)
        other = motion_loss(counted, MODEL, params, batch, keys, units)
        one, other = ({k: float(x.value()) for k, x in terms.items()} for terms in (one, other))
        for name in ("diffusion", "velocity", "readout"):
            assert other[name] == pytest.approx(weight * one[name], rel=1e-4)
        assert other["expression_error"] == pytest.approx(one["expression_error"])
        weights.append(weight)
    assert max(weights) == limit and min(weights) == 1


def test_units_are_read_in_their_own_std(clips):
    """A clip's units, read from its normalised motion, have the weights as their std."""
    statistics = clips.statistics.motion
    normalized = clips.expressions / np.asarray(statistics.expression_std)
    read = normalized @ readout(READOUT, statistics, clips.expressions).matrix
    np.testing.assert_allclose(read.std(0), [w for _, w in READOUT.weights], rtol=1e-4)


def test_in_liveportraits_space_lips_and_eyes_are_read_alone(clips):
    """The readout of a configuration that names none: coordinates of the keypoints of lips and
    eyes in their own std, and no event."""
    statistics = clips.statistics.motion
    found = readout(ReadoutConfig(), statistics, clips.expressions)
    read = (clips.expressions / np.asarray(statistics.expression_std)) @ found.matrix
    lips, eyes = 3 * len(LIP_KEYPOINTS), 3 * len(EYE_KEYPOINTS)
    np.testing.assert_allclose(read.std(0), [1.0] * lips + [0.5] * eyes, rtol=1e-4)
    others = sorted(set(range(21)) - {*LIP_KEYPOINTS, *EYE_KEYPOINTS})
    assert not found.matrix.reshape(21, 3, -1)[others].any()
    frame = jnp.ones((1, 1, 63))
    assert float(found.frame_weights(frame, event_weight=4.0)[0, 0, 0]) == 1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (ReadoutConfig("syntetic_faces"), "mean 'synthetic_faces'"),
        (ReadoutConfig("synthetic_faces", (("jow", 1.0),)), "mean 'jaw'"),
        (ReadoutConfig(event="close"), "readings of liveportrait out of lips, eyes, found 'close'"),
    ],
)
def test_a_reading_that_is_not_there_is_an_error(config, message, clips):
    with pytest.raises(UserError, match=message):
        readout(config, clips.statistics.motion, clips.expressions)


def test_speech_noise_reaches_its_share_of_windows_and_its_level():
    speech = np.random.default_rng(0).standard_normal((400, 50, 8)).astype(np.float32)
    noisy = SpeechNoise(largest=0.5, share=0.7)(np.random.default_rng(1), speech)
    level = (noisy - speech).std((1, 2))
    assert noisy.dtype == np.float32 and noisy.shape == speech.shape
    # 400 draws: shares scatter by 0.023, and the largest of 280 levels is near the limit
    assert (level > 1e-6).mean() == pytest.approx(0.7, abs=0.07)
    assert 0.47 < level.max() < 0.53
    assert SpeechNoise()(np.random.default_rng(1), speech) is speech


def test_the_event_of_the_readout_is_lips_that_meet(clips):
    """The event is read from normalised motion: 0 at rest, 1 where lips meet."""
    statistics = clips.statistics.motion
    found = readout(READOUT, statistics, clips.expressions)
    mean, std = statistics.expression_mean, statistics.expression_std
    for closed in (0.0, 0.4, 1.0):
        expression = closed * BASIS[UNITS.index("close")]
        frame = jnp.asarray((expression - mean) / std, jnp.float32)[None, None]
        weights = found.frame_weights(frame, event_weight=4.0)
        assert float(weights[0, 0, 0]) == pytest.approx(1 + 4 * closed, abs=1e-3)
