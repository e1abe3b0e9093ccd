"""`playmate convert` as a user meets it."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from playmate_jax.cli import run  # noqa: E402
from playmate_jax.converters import checkpoints, torch_files, verify  # noqa: E402
from playmate_jax.converters.registry import by_name  # noqa: E402
from playmate_jax.converters.wav2vec2 import files as speech_files  # noqa: E402
from playmate_jax.models.wav2vec2 import Wav2Vec2Config  # noqa: E402


def tiny_state(name):
    family = by_name(name)
    return verify.synthetic_state(family.table(family.tiny), family.shapes(family.tiny))


@pytest.fixture
def vgg19(tmp_path):
    return torch_files.write(tmp_path / "vgg19.pth", tiny_state("vgg19"))


def test_the_format_is_detected_and_every_layer_is_shown(vgg19, tmp_path, capsys):
    assert run(["convert", str(vgg19), str(tmp_path / "out"), "--verify"]) == 0
    out, err = capsys.readouterr()
    assert f"{vgg19}: vgg19, 100% of the names match" in out
    assert re.search(r"features\.0 +\d\.\de-\d\d\n", out)
    assert "verified against its PyTorch reference" in out and "written:" in out
    assert re.search(
        r"parameters in .* s; peak memory .* MiB .* to verify\) for the 0 MiB read", out
    )
    assert "convert [####" in err and "steps" in err
    assert (tmp_path / "out" / "card.json").exists()


def test_the_family_may_be_given_and_the_way_back_is_a_file(vgg19, tmp_path, capsys):
    out, back = str(tmp_path / "out"), tmp_path / "back.safetensors"
    assert run(["convert", "vgg19", str(vgg19), out, "--quiet", "--dtype", "bfloat16"]) == 0
    assert capsys.readouterr().err == ""
    assert run(["convert", out, str(back), "--to", "torch"]) == 0
    found = checkpoints.read(back)
    np.testing.assert_array_equal(
        found.state["features.0.bias"],
        torch_files.read(vgg19)["features.0.bias"].astype("bfloat16").astype(np.float32),
    )


def test_a_divergence_is_exit_code_1_and_names_the_layer(vgg19, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(verify, "TOLERANCE", 0.0)
    assert run(["convert", str(vgg19), str(tmp_path / "out"), "--verify"]) == 1
    out, err = capsys.readouterr()
    assert "DIVERGES" in out and "NOT verified" in out
    assert "the first layer that diverges is features.0; nothing was written" in err
    assert not (tmp_path / "out").exists()


def test_every_fault_has_a_line(vgg19, tmp_path, capsys):
    state = torch_files.read(vgg19)
    state["features.zero.bias"] = state.pop("features.0.bias")
    state["features.2.bias"][0] = np.nan
    torch_files.write(vgg19, state)
    assert run(["convert", str(vgg19), str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err.splitlines()
    listed = [line.strip() for line in err if line.startswith("  ")]
    assert "- features.0.bias" in listed and "+ features.zero.bias" in listed
    assert "! features.2.bias holds values that are not finite" in listed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x"], "expected SOURCE and OUT"),
        (["nothing.pth", "out"], "expected a checkpoint at nothing.pth, found none"),
        (["vgg", "nothing.pth", "out"], "did you mean 'vgg19'"),
        (["a", "b", "--to", "tensorflow"], "invalid choice"),
    ],
)
def test_wrong_arguments_are_refused(words, message, capsys):
    assert run(["convert", *words]) == 2
    assert message in capsys.readouterr().err


def test_memory_stays_under_two_and_a_half_times_the_checkpoint(tmp_path):
    # A wide network of 128 MiB, beside which what the program itself takes counts little.
    config = Wav2Vec2Config(
        **{**vars(by_name("wav2vec2").tiny), "width": 512, "layers": 9, "feed_forward": 2560}
    )
    family = by_name("wav2vec2")
    state = {
        name: np.zeros(shape, dtype)
        for name, (shape, dtype) in verify.manifest(
            family.table(config), family.shapes(config)
        ).items()
    }
    speech_files.writer("wav2vec2")(tmp_path / "hub", state, config, {"normalize": True})
    words = ["-m", "playmate_jax", "convert", str(tmp_path / "hub"), str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=True, env=os.environ
    )
    share, read = re.search(r"([\d.]+) x the ([\d,]+) MiB read", done.stdout).groups()
    assert int(read) >= 120 and float(share) < 2.5
