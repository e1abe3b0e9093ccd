"""Stages 1 and 2 on a prepared data set on disk, of a tiny size."""

import dataclasses
import json
from pathlib import Path

import chex
import jax
import numpy as np
import pytest

from playmate_jax.data.mixture import mixture_statistics, open_mixture
from playmate_jax.data.motion_data import MotionData
from playmate_jax.data.records import Clip
from playmate_jax.data.shards import ShardWriter, shard_name, write_checksums, write_metadata
from playmate_jax.data.statistics import STATISTICS_FILE, SetStatistics, statistics_text
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import load_weights
from playmate_jax.losses.motion import LossConfig
from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.models.motion_denoiser import MotionDenoiserConfig
from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.motion.normalization import Statistics
from playmate_jax.motion.windows import WindowConfig
from playmate_jax.training.loop import LoopConfig, train
from playmate_jax.training.optimizer import OptimizerConfig
from playmate_jax.training.stage1 import Stage1Config
from playmate_jax.training.stage2 import Stage2Config
from playmate_jax.training.start import content_hash

SPEECH = 6
QUIET = LoopConfig(checkpoint_minutes=0)
MODEL = MotionModelConfig(
    generator=MotionDenoiserConfig(
        speech_size=SPEECH, width=16, condition_width=8, layers=1, heads=2, feed_forward=16,
        kernel_size=3, dropout=0.0, prediction="x0", window=WindowConfig(16, 4),
    )
)  # fmt: skip


def a_clip(number: int, frames: int) -> Clip:
    rng = np.random.default_rng(number)
    return Clip(
        id=f"clip-{number}", source="", speaker=f"speaker-{number}", dataset="folder",
        split="train", audio=np.zeros(frames * 640, np.int16),
        motion=np.cumsum(rng.standard_normal((frames, 70)), 0).astype(np.float32) * 0.02,
        features=rng.standard_normal((frames, SPEECH)).astype(np.float16),
        identity=rng.standard_normal(63).astype(np.float32),
        emotion=number % 8, intensity=1.0,
    )  # fmt: skip


def prepared(root, clips, stored=True):
    """A data set as `playmate prepare` leaves it, or as `tfds build` does: without statistics."""
    folder = root / "talking_clips" / "1.0.0"
    with ShardWriter(
        folder / shard_name("talking_clips", "train", 0, 1), "talking_clips", SPEECH
    ) as writer:
        for clip in clips:
            writer.write(clip)
    write_metadata(folder, "talking_clips", {"train": [writer.shard]}, SPEECH)
    if stored:
        found = SetStatistics.merged(map(SetStatistics.of, clips))
        (folder / STATISTICS_FILE).write_text(statistics_text({"train": found}), "utf-8")
    write_checksums(folder)
    return str(root)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two data sets; one path is as people write them."""
    home = tmp_path_factory.mktemp("data")
    one = prepared(home / "eins zwei ä", [a_clip(n, 30 + 20 * n) for n in range(4)])
    return one, prepared(home / "b", [a_clip(n, 50) for n in range(4, 7)])


@pytest.fixture(scope="module")
def config(folders):
    return Stage1Config(
        steps=3, clips=folders[0], model=MODEL, batch_size=4,
        loss=LossConfig(readout_weight=0.1), optimizer=OptimizerConfig(learning_rate=1e-3),
    )  # fmt: skip


def test_stage_1_resumes_as_if_uninterrupted(config, tmp_path):
    whole = train(config.stage(), tmp_path / "a", 3, loop=QUIET, quiet=True)
    train(config.stage(), tmp_path / "b", 2, loop=QUIET, quiet=True)
    rest = train(config.stage(), tmp_path / "b", 3, loop=QUIET, quiet=True)
    chex.assert_trees_all_equal(whole.state, rest.state)


@pytest.mark.usefixtures("only_loaders")
def test_another_number_of_workers_is_no_other_configuration(config, tmp_path, capsys):
    train(config.stage(), tmp_path, 1, loop=QUIET, quiet=True)
    more = dataclasses.replace(config, workers=1).stage()
    train(more, tmp_path, 1, loop=QUIET)
    assert "another configuration" not in capsys.readouterr().err


def test_a_run_does_not_go_on_with_other_data(config, folders, tmp_path):
    train(config.stage(), tmp_path, 1, loop=QUIET, quiet=True)
    other = dataclasses.replace(config, clips=f"{folders[0]}:0.5,{folders[1]}:0.5")
    with pytest.raises(UserError, match="expected the data that the run began with"):
        train(other.stage(), tmp_path, 2, loop=QUIET, quiet=True)


def test_stage_2_sees_a_mixture_in_the_units_of_stage_1(config, folders, tmp_path):
    first = config.stage()
    first.export(jax.jit(first.init)(jax.random.key(0)), tmp_path / "weights")
    second = Stage2Config(
        steps=2, stage1=str(tmp_path / "weights"), clips=f"{folders[0]}:0.7,{folders[1]}:0.3",
        emotion=EmotionConfig(heads=2, condition_width=8), batch_size=20,
    )  # fmt: skip
    stage = second.stage()
    assert stage.description["built_on"] == content_hash(tmp_path / "weights")
    with stage.batches(0, 0) as batches:
        batch = next(batches)
        known = Statistics.from_tree(load_weights(tmp_path / "weights")[1]["statistics"])
        np.testing.assert_array_equal(batches.statistics.speech_mean, known.speech_mean)
    emotions = batch["emotion"][:, 0].argmax(-1)
    assert batch["emotion"].sum() == 20 * 20  # one emotion at intensity 1 in each of 20 frames
    assert (emotions < 4).sum() == 14  # emotions 0 to 3 are of the first set, 4 to 6 of the second


def told(folder: str, speech) -> None:
    """What prepare.json says of the speech encoder."""
    (Path(folder) / "prepare.json").write_text(json.dumps({"settings": {"speech": speech}}))


def test_weights_name_the_encoder_that_the_data_tell(config, tmp_path):
    root = prepared(tmp_path / "data", [a_clip(n, 40) for n in range(2)])
    one = dataclasses.replace(config, clips=root)
    for said, encoder in (
        ("hubert/9", "hubert/9"),
        ({"bands": 24}, "log_mel"),
        ("x/y", "wav2vec2"),
    ):
        told(root, said)
        stage = one.stage()
        stage.export(jax.jit(stage.init)(jax.random.key(0)), tmp_path / "weights")
        assert load_weights(tmp_path / "weights")[0]["speech"] == encoder


def test_stage_2_refuses_the_features_of_another_encoder(config, tmp_path):
    root = prepared(tmp_path / "data", [a_clip(n, 40) for n in range(2)])
    first = dataclasses.replace(config, clips=root).stage()
    first.export(jax.jit(first.init)(jax.random.key(0)), tmp_path / "weights")
    told(root, "log_mel")
    second = Stage2Config(steps=1, stage1=str(tmp_path / "weights"), clips=root)
    with pytest.raises(UserError, match="'wav2vec2', which stage 1 .* those of 'log_mel'"):
        second.stage()


def test_data_of_two_encoders_are_not_mixed(tmp_path):
    roots = [prepared(tmp_path / name, [a_clip(0, 40)]) for name in "ab"]
    told(roots[0], "hubert")
    told(roots[1], "wav2vec2")
    with pytest.raises(UserError, match="hubert and wav2vec2"):
        _ = MotionData(",".join(roots)).speech


def test_statistics_are_the_stored_ones_merged(folders, capsys):
    parts = open_mixture(dict.fromkeys(folders, 1.0), "train", ("talking_clips",), ("motion",))
    found = mixture_statistics(parts)
    assert (found.clips, found.frames) == (7, 30 + 50 + 70 + 90 + 150)
    assert capsys.readouterr().err == ""
    found = MotionData(",".join(folders)).statistics
    clips = [a_clip(n, 30 + 20 * n) for n in range(4)] + [a_clip(n, 50) for n in range(4, 7)]
    speech = np.concatenate([clip.features for clip in clips]).astype(np.float64)
    np.testing.assert_allclose(found.speech_mean, speech.mean(0), atol=1e-6)


def test_what_was_not_stored_is_measured_once(tmp_path, capsys):
    clips = [a_clip(n, 40) for n in range(3)]
    folder = prepared(tmp_path / "tfds", clips, stored=False)
    measured = MotionData(folder).statistics.to_tree()
    assert "measuring its clips" in capsys.readouterr().err
    stored = MotionData(prepared(tmp_path / "whole", clips)).statistics.to_tree()
    chex.assert_trees_all_equal(measured, stored)
    assert MotionData(folder).speech_size == SPEECH
    assert "measuring" not in capsys.readouterr().err
