"""`playmate benchmark train` at a tiny size: every side runs, and what it reports is true."""

import json
import math

import jax
import pytest

from playmate_jax.benchmark.train_sides import OURS, TrainSetup, batch_of, our_stage
from playmate_jax.cli import run
from playmate_jax.data.motion_batch import MotionBatch
from tests.data.made_up_records import assert_batch

TINY = {
    "model.generator.width": 16, "model.generator.condition_width": 8, "model.generator.layers": 1,
    "model.generator.heads": 2, "model.generator.feed_forward": 16,
    "model.generator.kernel_size": 3, "model.generator.speech_size": 8,
    "model.generator.window.length": 16, "model.generator.window.previous": 4,
}  # fmt: skip
TINY_EMOTION = {"emotion.heads": 2, "emotion.condition_width": 8}
ALL = {1: TINY, 2: TINY | TINY_EMOTION}


def options(stage):
    return [word for name, value in ALL[stage].items() for word in ("--set", f"{name}={value}")]


def setup(stage, **changes):
    overrides = tuple((name, str(value)) for name, value in ALL[stage].items())
    return TrainSetup(stage, 4, overrides=overrides, **changes)


@pytest.mark.parametrize("stage", [1, 2])
def test_the_batch_is_what_training_trains_on(stage):
    batch = batch_of(our_stage(setup(stage)))
    assert_batch(batch, MotionBatch)
    assert batch["motion"].shape == (4, 16, 70) and batch["speech"].shape == (4, 20, 8)
    assert bool(batch["emotion"].any())


def test_flops_and_frames_are_those_of_the_stage():
    for stage in (1, 2):
        made = our_stage(setup(stage))
        assert made.frames == setup(stage).frames() == 4 * 16
        if made.flops:  # a stage that tells them
            assert made.flops == sum(setup(stage).flops().values())


@pytest.mark.parametrize(
    ("stage", "parallel"), [(1, "mesh"), pytest.param(2, "pmap", marks=pytest.mark.slow)]
)
def test_the_command_reports_a_side_alone(stage, parallel, tmp_path, capsys, monkeypatch):
    # As in this process: a program that is compiled otherwise is another in the cache.
    monkeypatch.setenv("JAX_DEFAULT_MATMUL_PRECISION", jax.config.jax_default_matmul_precision)
    file = tmp_path / "speed.json"
    command = ["benchmark", "train", "--stage", str(stage), "--rounds", "1", "--json", str(file)]
    assert run([*command, "--batch", "4", "--parallel", parallel, *options(stage)]) == 0
    out, _ = capsys.readouterr()
    assert f"training step of stage {stage}, batch 4, float32" in out
    (ours,) = json.loads(file.read_text())["sides"]
    assert 0 < ours["mfu"] < 1 and ours["host_peak_mib"] > 50
    assert 0 < ours["warm_s"] < ours["compile_s"]
    assert ours["hlo_lines"] > 100 and ours["step_mib"] > ours["temporary_mib"] > 0


@pytest.mark.slow
def test_the_command_compares_with_pytorch(tmp_path, capsys):
    pytest.importorskip("torch", reason="needs the extra 'convert'")
    file, plot = tmp_path / "speed.json", tmp_path / "speed.svg"
    code = run(
        ["benchmark", "train", "--against", "torch", "--compile", "--rounds", "2", "--batch", "4",
         "--json", str(file), "--plot", str(plot), *options(1)]
    )  # fmt: skip
    assert code == 0
    sides = json.loads(file.read_text())["sides"]
    assert [side["side"] for side in sides] == [OURS, "torch eager", "torch.compile"]
    assert all(math.isfinite(side["ratio"]) and side["ratio"] > 0 for side in sides)
    assert plot.read_text().startswith("<svg")
    capsys.readouterr()


def test_pytorch_beside_several_devices_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(jax, "device_count", lambda: 8)
    assert run(["benchmark", "train", "--against", "torch"]) == 2
    assert "expected one device with --against torch, found 8" in capsys.readouterr().err


def test_compile_without_a_reference_is_refused(capsys):
    assert run(["benchmark", "train", "--compile"]) == 2
    assert "--against torch" in capsys.readouterr().err


def test_a_folder_in_place_of_a_file_is_refused_before_anything_is_measured(tmp_path, capsys):
    assert run(["benchmark", "train", "--json", str(tmp_path)]) == 2
    assert "found the folder" in capsys.readouterr().err
