"""The table of guidance scales: the truth itself is right, and the command writes every row."""

import json
import shutil

import numpy as np
import pytest

from playmate_jax.cli import run
from playmate_jax.metrics import guidance_sweep
from playmate_jax.metrics.guidance_sweep import PAPER, against_truth, table
from playmate_jax.metrics.held_out import held_out
from playmate_jax.motion.layout import ANGLES, EXPRESSION
from playmate_jax.synthetic.expression import BASIS


@pytest.fixture(scope="module")
def clips():
    return held_out("test_formant", 3)


def short(kind: str, count: int) -> dict:
    """The first four seconds of held-out clips."""
    found = held_out(kind, count)
    return {name: x if isinstance(x, list) else x[:, :100] for name, x in found.items()} | {
        "identity": found["identity"]
    }


def test_the_truth_is_right(clips):
    found = against_truth(clips, clips["motion"])
    assert found["frames"] == pytest.approx(0, abs=1e-3)
    assert found["windows"] == pytest.approx(0, abs=1e-2)
    assert found["jaw"] == pytest.approx(1, abs=1e-3) and found["head"] == pytest.approx(1)
    assert found["closures"] == 1 and found["false_closures"] == 0


def test_noise_a_still_face_and_late_lips_are_told_apart(clips):
    motion = clips["motion"]
    right = against_truth(clips, motion)
    noise = np.random.default_rng(0).standard_normal((*motion.shape[:2], len(BASIS)))
    noisy = motion.copy()
    noisy[..., EXPRESSION] += 0.1 * noise @ BASIS
    still = np.broadcast_to(motion[:, :1], motion.shape)
    late = np.roll(motion, 10, 1)
    found = {
        n: against_truth(clips, m) for n, m in dict(noisy=noisy, still=still, late=late).items()
    }
    assert all(f["windows"] > right["windows"] + 1 for n, f in found.items() if n != "late")
    assert found["late"]["jaw"] < 0.5 and found["late"]["frames"] < 0.1  # the same frames, later
    assert found["still"]["jaw"] < 1e-5 and found["still"]["head"] < 1e-5


def test_a_head_held_elsewhere_is_not_a_difference(clips):
    moved = clips["motion"].copy()
    moved[..., ANGLES] += 5
    assert against_truth(clips, moved)["frames"] == pytest.approx(0, abs=1e-3)


def test_the_command_writes_the_rows_with_the_papers_beside(
    tiny_weights, tmp_path, monkeypatch, capsys
):
    few = {scales: PAPER[scales] for scales in ((1.5, None), (1.5, 1.5))}
    monkeypatch.setattr(guidance_sweep, "PAPER", few)
    monkeypatch.setattr(guidance_sweep, "held_out", short)
    out = tmp_path / "table 2"
    command = ["evaluate", "table2", str(tiny_weights), "--clips", "2", "--out", str(out)]
    assert run([*command, "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert "Emo-A" in printed and "54.405" in printed
    found = json.loads((out / "table2.json").read_text("utf-8"))
    assert [(row["audio"], row["emotion"]) for row in found["rows"]] == list(few)
    assert "emotion_accuracy" not in found["rows"][0] and "emotion_accuracy" in found["rows"][1]
    assert all(np.isfinite(row["frames"]) for row in found["rows"])
    assert len((out / "table2.md").read_text("utf-8").splitlines()) == 2 + 2 + len(few)


@pytest.mark.parametrize("missing", ["emotion", "generator"])
def test_weights_without_the_networks_are_refused(missing, tiny_weights, tmp_path, capsys):
    from playmate_jax.hub.weights import load_weights, save_weights

    weights = tmp_path / "weights"
    shutil.copytree(tiny_weights, weights)
    if missing == "generator":
        shutil.rmtree(weights / "generator")
    else:
        values, params, card = load_weights(weights / "generator")
        del params["emotion"]
        save_weights(weights / "generator", {**values, "emotion": None}, params, card)
    assert run(["evaluate", "table2", str(weights), "--clips", "2", "--quiet"]) != 0
    said = capsys.readouterr().err
    assert "expected" in said and "Traceback" not in said


def test_one_clip_is_refused(capsys):
    assert run(["evaluate", "table2", "--clips", "1"]) != 0
    assert "2 clips or more" in capsys.readouterr().err


def test_a_number_that_is_not_there_is_a_hyphen():
    row = dict(audio=1.0, emotion=None, frames=1.0, windows=2.0, jaw=0.5, jaw_error=0.1,
               closures=0.5, false_closures=0.1, head=1.0)  # fmt: skip
    heading, line = table([row])
    assert len(heading) == len(line) and line[1] == "-" and line[8] == "-" and line[-1] == "-"
