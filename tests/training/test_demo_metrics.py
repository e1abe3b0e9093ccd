"""The demo world's own networks of the metrics train, come back from disk and are evaluated."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from playmate_jax.metrics.sync import DEMO, load_syncnet
from playmate_jax.metrics.videos.networks import load_network
from playmate_jax.models.small.emotion_classifier import KIND, EmotionClassifierConfig
from playmate_jax.models.small.sync_net import SmallSyncConfig
from playmate_jax.training.demo_metrics import DemoEmotionConfig, DemoSyncConfig
from playmate_jax.training.loop import LoopConfig, train
from playmate_jax.training.optimizer import OptimizerConfig

LOOP = LoopConfig(log_every=4, eval_every=0)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Faces with a bright bar where their emotion puts it; mouths and speech of noise."""
    rng = np.random.default_rng(0)
    path, n, frames = tmp_path_factory.mktemp("people") / "people.npz", 8, 25
    faces = rng.integers(0, 30, (n, 2, 64, 64, 3), dtype=np.uint8)
    for emotion in range(n):
        faces[emotion, :, :, 8 * emotion : 8 * emotion + 8] += 200
    np.savez(
        path,
        mouths=rng.integers(0, 256, (n, frames, 64, 64, 3), dtype=np.uint8),
        faces=faces,
        speech=rng.normal(0, 3000, (n, 640 * frames)).astype(np.int16),
        emotion=np.arange(n, dtype=np.int32),
    )
    return str(path)


def losses_of(workdir, name):
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [row[name] for row in rows if name in row]


def test_the_small_syncnet_trains_and_comes_back(people, tmp_path):
    network = SmallSyncConfig(3, (5,), 4)
    config = DemoSyncConfig(
        people=people, held_out=people, steps=2, network=network, batch_size=2, loop=LOOP
    )
    stage = config.stage()
    done = train(stage, tmp_path / "run", 2, loop=LOOP, quiet=True)
    before = stage.init(jax.random.key(0))
    moved = np.abs(
        np.asarray(done.state.moments["lips"]["input_norm"]["mean"])
        - np.asarray(before.moments["lips"]["input_norm"]["mean"])
    )
    assert (moved > 0).any()  # BatchNorm has taken statistics
    assert losses_of(tmp_path / "run", "held_out/clips") == [8]
    assert 0 <= losses_of(tmp_path / "run", "held_out/found_within_1")[0] <= 1
    stage.export(done.state, tmp_path / "w")
    score = load_syncnet(tmp_path / "w", DEMO)
    assert score.config == network
    audio = np.random.default_rng(1).normal(0, 3000, 16000).astype(np.int16)
    assert np.isfinite(score(np.zeros((25, 64, 64, 3), np.uint8), audio).at_rest)


def test_the_classifier_learns_what_can_be_seen(people, tmp_path):
    config = DemoEmotionConfig(
        people=people, held_out=people, steps=40, batch_size=16, loop=LOOP, storage="float32",
        network=EmotionClassifierConfig((4, 4, 4), 8),
        optimizer=OptimizerConfig(learning_rate=1e-2, ema_decay=0.9),
    )  # fmt: skip
    stage = config.stage()
    done = train(stage, tmp_path / "run", config.steps, loop=LOOP, quiet=True)
    losses = losses_of(tmp_path / "run", "emotion")
    assert losses[-1] < 0.8 * losses[0]
    stage.export(done.state, tmp_path / "w")
    network = load_network(KIND, tmp_path / "w")
    assert network.config == config.network
    assert dataclasses.asdict(config)["name"] == KIND
