"""The comparison of generators: what it hands to `playmate evaluate`, and JoyVASA's stand-by."""

import csv
import dataclasses

import numpy as np
import pytest

from benchmarks import rivals
from playmate_jax.inference.generators import load_generator
from playmate_jax.inference.motion_generator import Request
from playmate_jax.media import open_video
from playmate_jax.models.joyvasa import JoyvasaConfig
from playmate_jax.models.wav2vec2 import Wav2Vec2Config

TINY = JoyvasaConfig(
    dataclasses.replace(
        rivals.DEMO_SIZE.denoiser, width=16, layers=1, heads=2, n_diffusion_steps=4
    ),
    Wav2Vec2Config(
        channels=(4,) * 7, width=8, layers=1, heads=2, feed_forward=8, position_kernel=4,
        position_groups=2,
    ),
)  # fmt: skip


def test_speakers_are_drawn_once_and_all_systems_are_compared_at_once(tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(rivals, "run", lambda words: commands.append(words) or 0)
    monkeypatch.setattr(rivals, "DEMO_SIZE", TINY)
    out = tmp_path / "out ü"
    assert rivals.main(["--out", str(out), "--clips", "2", "--seconds", "0.2"]) == 0
    speakers = out / "speakers"
    with (speakers / "table.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [["reference"], ["speaker 0.mp4"], ["speaker 1.mp4"]]
    video = open_video(speakers / "speaker 0.mp4")
    assert video.has_audio and len(list(video)) == 5
    before = (speakers / "speaker 0.mp4").stat().st_mtime_ns
    options = ["--out", str(out), "--clips", "1", "--seconds", "0.2"]
    assert rivals.main([*options, "--generator", "a=demo", "b=joyvasa"]) == 0
    assert (speakers / "speaker 0.mp4").stat().st_mtime_ns == before
    words = commands[0]
    assert words[:2] == ["evaluate", "--animate"] and "ours=demo" in words
    assert any("synthetic weights" in word for word in words)
    assert {"--baseline", "--loudness"} <= set(words)
    assert commands[1][4:6] == ["a=demo", "b=joyvasa"]


def test_synthetic_weights_are_a_generator_that_moves_and_say_what_they_are(tmp_path):
    folder = rivals.write_joyvasa(tmp_path / "joyvasa", TINY)
    generator, card = load_generator(folder / "generator")
    assert "not trained" in card["title"] and "synthetic weights" in card["title"]
    own = np.zeros(70, np.float32)
    own[63] = 0.72
    audio = np.random.default_rng(0).normal(0, 0.1, 9000).astype(np.float32)
    motion = generator(audio, Request(np.zeros(63, np.float32), own), lambda done, total: None)
    assert motion.shape == (15, 70) and np.isfinite(motion).all()
    assert 1e-4 < motion[:, :63].std() < 0.1
    assert motion[0, 63] == pytest.approx(0.72, abs=0.1)
