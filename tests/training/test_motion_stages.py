"""Stages 1 and 2 on random clips of a tiny size."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.hub.weights import load_weights
from playmate_jax.inference.generate import load_motion_model
from playmate_jax.losses.motion import LossConfig, motion_loss
from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.models.motion_denoiser import MotionDenoiserConfig
from playmate_jax.models.motion_model import MotionModelConfig, init_generator
from playmate_jax.motion.layout import EXPRESSION
from playmate_jax.motion.windows import WindowConfig
from playmate_jax.synthetic.expression import BASIS, UNITS
from playmate_jax.training.experiment import load_config
from playmate_jax.training.loop import LoopConfig, train
from playmate_jax.training.motion_clips import (
    SpeechNoise,
    WindowBatches,
    clip_statistics,
    open_clips,
    random_clips,
    training_windows,
)
from playmate_jax.training.optimizer import OptimizerConfig
from playmate_jax.training.stage1 import READ_UNITS, Stage1Config, stage1, unit_readout
from playmate_jax.training.stage2 import Stage2Config, partition, stage2

WINDOW = WindowConfig(16, 4)
WINDOWS = training_windows(WINDOW, SpeechNoise())
MODEL = MotionModelConfig(
    generator=MotionDenoiserConfig(
        speech_size=8, width=16, condition_width=8, layers=1, heads=2, feed_forward=16,
        kernel_size=3, dropout=0.0, prediction="x0", window=WINDOW,
    )
)  # fmt: skip
LOSS = LossConfig(velocity_weight=1.0, pose_velocity_weight=1.0, readout_weight=0.1)
FAST = OptimizerConfig(learning_rate=3e-3)
QUIET = LoopConfig(checkpoint_minutes=0)


@pytest.fixture(scope="module")
def clips():
    return random_clips(0, n=5, frames=60, features=8)


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
    import json

    rows = [json.loads(x) for x in (trained / "stage1" / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["loss"] < 1.6 and {"diffusion", "velocity", "readout"} <= rows[-1].keys()


def test_in_stage_2_no_bit_of_stage_1_changes(trained):
    _, before, _ = load_weights(trained / "stage1" / "weights")
    _, after, _ = load_weights(trained / "stage2" / "weights")
    assert jax.tree.structure(before["generator"]) == jax.tree.structure(after["generator"])
    jax.tree.map(np.testing.assert_array_equal, before["generator"], after["generator"])
    jax.tree.map(np.testing.assert_array_equal, before["statistics"], after["statistics"])


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


def test_batch_n_depends_on_seed_and_n_alone(clips):
    batches = WindowBatches(clips, clip_statistics(clips), 3, WINDOWS)
    straight = batches(7, 0)
    for _ in range(3):
        next(straight)
    resumed = next(batches(7, 3))
    jax.tree.map(np.testing.assert_array_equal, next(straight), resumed)


def test_windows_line_up_with_their_speech(clips):
    marked = dataclasses.replace(
        clips,
        features=np.broadcast_to(np.arange(60.0)[None, :, None], clips.features.shape),
        emotion=np.broadcast_to(np.arange(60.0)[None, :, None], clips.emotion.shape),
    )
    batch = next(WindowBatches(marked, clip_statistics(clips), 8, WINDOWS)(0, 0))
    frames = batch["emotion"][..., 0]
    same = clip_statistics(clips).normalized_speech(frames[..., None] * np.ones(8))
    np.testing.assert_allclose(batch["speech"], same, atol=1e-4)
    inside = np.diff(frames, axis=1)
    assert set(np.unique(inside)) <= {0.0, 1.0}
    assert (batch["has_previous"] == (frames[:, 0] != frames[:, 4])).all()


def test_a_folder_without_clips_is_told(tmp_path):
    with pytest.raises(UserError, match="features"):
        open_clips(str(tmp_path))


@pytest.mark.parametrize(
    "name",
    [
        "demo_stage1",
        "demo_stage1_head",
        "demo_stage2",
        "demo_formant_only",
        "paper_stage1",
        "paper_stage2",
    ],
)
def test_shipped_configurations_load(name, request):
    config = load_config(request.config.rootpath / "configs" / f"{name}.py")
    assert config.steps > 0


@pytest.mark.parametrize("name", ["demo_stage1", "demo_stage2"])
def test_shipped_configurations_shrunk_resume_as_if_uninterrupted(
    name, clips, trained, tmp_path, request
):
    config = load_config(request.config.rootpath / "configs" / f"{name}.py")
    config = dataclasses.replace(config, steps=3, batch_size=2)
    if name == "demo_stage1":
        stage = stage1(dataclasses.replace(config, model=MODEL), clips)
    else:
        _, params, _ = load_weights(trained / "stage1" / "weights")
        emotion = EmotionConfig(heads=2, condition_width=8)
        stage = stage2(dataclasses.replace(config, emotion=emotion), MODEL, params, clips)
    whole = train(stage, tmp_path / "a", 3, loop=QUIET, quiet=True)
    train(stage, tmp_path / "b", 2, loop=QUIET, quiet=True)
    rest = train(stage, tmp_path / "b", 3, loop=QUIET, quiet=True)
    jax.tree.map(np.testing.assert_array_equal, whole.state, rest.state)


@pytest.mark.parametrize("limit", [1.0, 5.0])
def test_a_window_counts_by_its_signal_to_noise_ratio(clips, limit):
    """One window: its loss is `limit`-clamped SNR times the plain one, in every part."""
    batch = jax.tree.map(
        jnp.asarray, next(WindowBatches(clips, clip_statistics(clips), 1, WINDOWS)(0, 0))
    )
    params = {"generator": init_generator(MODEL.generator, jax.random.key(0))}
    readout = unit_readout(clip_statistics(clips), clips)
    bars = np.asarray(MODEL.schedule.build().alphas_bar)
    counted = dataclasses.replace(LOSS, snr_limit=limit)
    weights = []
    for seed in range(12):
        key = jax.random.key(seed)
        step = int(jax.random.randint(jax.random.split(key, 4)[0], (1,), 0, len(bars))[0])
        weight = np.clip(bars[step] / (1 - bars[step]), 1, limit)
        plain, one = motion_loss(LOSS, MODEL, params, batch, key, readout)
        total, other = motion_loss(counted, MODEL, params, batch, key, readout)
        for name in ("diffusion", "velocity", "readout"):
            assert float(other[name]) == pytest.approx(weight * float(one[name]), rel=1e-4)
        assert float(other["expression_error"]) == pytest.approx(float(one["expression_error"]))
        weights.append(weight)
    assert max(weights) == limit and min(weights) == 1


def test_units_are_read_in_their_own_std(clips):
    """A clip's units, read from its normalised motion, have the weights as their std."""
    statistics = clip_statistics(clips)
    delta = clips.motion[:, ::5, EXPRESSION].reshape(-1, 63)
    normalized = delta / np.asarray(statistics.motion.expression_std)
    read = (normalized @ unit_readout(statistics, clips).matrix).std(0)
    np.testing.assert_allclose(read, list(READ_UNITS.values()), rtol=1e-4)


def test_speech_noise_reaches_its_share_of_windows_and_its_level():
    speech = np.random.default_rng(0).standard_normal((400, 50, 8)).astype(np.float32)
    noised = SpeechNoise(largest=0.5, share=0.7)(np.random.default_rng(1), speech)
    level = (noised - speech).std((1, 2))
    assert noised.dtype == np.float32 and noised.shape == speech.shape
    # 400 draws: shares scatter by 0.023, and the largest of 280 levels is near the limit
    assert (level > 1e-6).mean() == pytest.approx(0.7, abs=0.07)
    assert 0.47 < level.max() < 0.53
    assert SpeechNoise()(np.random.default_rng(1), speech) is speech


def test_the_event_of_the_readout_is_lips_that_meet(clips):
    """The event is read from normalised motion: 0 at rest, 1 where lips meet."""
    statistics = clip_statistics(clips)
    readout = unit_readout(statistics, clips)
    mean, std = statistics.motion.expression_mean, statistics.motion.expression_std
    for closed in (0.0, 0.4, 1.0):
        expression = closed * BASIS[UNITS.index("close")]
        frame = jnp.asarray((expression - mean) / std, jnp.float32)[None, None]
        counts = readout.counts(frame, event_weight=4.0)
        assert float(counts[0, 0, 0]) == pytest.approx(1 + 4 * closed, abs=1e-3)
