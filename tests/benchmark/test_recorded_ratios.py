"""A ratio that fell is named and fails the command; seconds and other machines do not."""

import json
from pathlib import Path

import numpy as np
import pytest

from playmate_jax.benchmark import train
from playmate_jax.benchmark.recorded import fallen, read_ratios, verdict
from playmate_jax.benchmark.report import Comparison, Measured
from playmate_jax.benchmark.train_sides import TrainSetup
from playmate_jax.cli import run
from playmate_jax.errors import UserError

SHIPPED = Path(__file__).resolve().parents[2] / "benchmarks" / "ratios.json"
WORK = "training step of stage 1, batch 8, float32"
MACHINE = {"cpu": "AMD EPYC", "cpus": 2, "device": "cpu", "devices": 1, "load": [0.1] * 3,
           "load_after": [1.0] * 3}  # fmt: skip


@pytest.fixture
def write(tmp_path):
    """Writes a file of ratios; its path."""

    def written(ratios, tolerance=0.1):
        path = tmp_path / "ratios.json"
        values = {"tolerance": tolerance, "cpu": "AMD EPYC", "cpus": 2, "ratios": ratios}
        path.write_text(json.dumps(values))
        return path

    return written


def test_what_fell_is_named_with_what_was_expected(write):
    recorded = read_ratios(write({"work": {"slow": 2.0, "fast": 3.0, "left out": 9.0}}))
    assert fallen(recorded, "work", {"slow": 1.81, "fast": 2.71}) == []
    (sentence,) = fallen(recorded, "work", {"slow": 1.79, "fast": 3.5})
    assert sentence == (
        "the ratio to 'slow' of 'work' fell to 1.79: expected at least 1.80, that is 2.00 as "
        "recorded less 10%"
    )
    assert len(fallen(recorded, "work", {"slow": float("nan"), "fast": 0.0})) == 2
    text = verdict(recorded, "work", {"slow": 2.2}, "AMD EPYC", 2)
    assert text == "checked: no ratio below the recorded one less 10% (slow 2.20)"
    assert "measured on Intel with 8" in verdict(recorded, "work", {"slow": 2.2}, "Intel", 8)


def test_work_or_sides_that_are_not_recorded_are_refused(write):
    recorded = read_ratios(write({"work": {"slow": 2.0}}))
    with pytest.raises(UserError, match="expected a ratio of 'other'.*only those of work"):
        fallen(recorded, "other", {"slow": 2.0})
    with pytest.raises(UserError, match="expected slow beside ours.*found fast"):
        fallen(recorded, "work", {"fast": 2.0})


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"tolerance": 0.1, "cpu": "", "cpus": 2, "ratios": {"a": 1}}']
)
def test_a_file_of_something_else_is_refused(text, tmp_path):
    (tmp_path / "ratios.json").write_text(text)
    with pytest.raises(UserError, match="expected recorded ratios in"):
        read_ratios(tmp_path / "ratios.json")
    with pytest.raises(UserError, match="cannot be read"):
        read_ratios(tmp_path / "none.json")


def test_a_tolerance_that_lets_everything_pass_is_refused(write):
    with pytest.raises(UserError, match="expected a tolerance from 0 to 1"):
        read_ratios(write({"work": {"slow": 2.0}}, tolerance=1.5))


@pytest.mark.parametrize(("theirs_s", "code"), [(2.0, 0), (1.7, 1)])
def test_the_command_fails_where_a_ratio_fell(theirs_s, code, write, capsys, monkeypatch):
    def compared(setup, names, rounds):
        sides = [Measured(name, "1", [[1.0 if n == 0 else theirs_s]] * 2, {})
                 for n, name in enumerate(names)]  # fmt: skip
        return Comparison(setup.title, {}, MACHINE, sides, 800, 1e12, {"measured": 1e12})

    monkeypatch.setattr(train, "compare", compared)
    path = write({WORK: {"torch eager": 2.0}})
    command = ["benchmark", "train", "--against", "torch", "--check", str(path)]
    assert run(command) == code
    told = capsys.readouterr().err
    assert ("fell to 1.70: expected at least 1.80" in told) == bool(code)
    assert ("checked: no ratio below" in told) == (not code)
    assert run([*command, "--batch", "4"]) == 2  # before anything is measured
    assert "expected a ratio of 'training step of stage 1, batch 4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ((), "--against torch"),
        (("--against", "torch", "--set", "model.generator.layers=1"), "both"),
    ],
)
def test_options_that_leave_nothing_to_check_are_refused(more, told, capsys):
    assert run(["benchmark", "train", "--check", str(SHIPPED), *more]) == 2
    assert told in capsys.readouterr().err


def test_shipped_ratios_are_of_work_that_the_commands_do():
    pytest.importorskip("torch", reason="the scripts need the extra 'convert'")
    from benchmarks import engines, full_size

    shipped = read_ratios(SHIPPED)
    assert TrainSetup().title in shipped.ratios
    assert shipped.ratios[engines.CHECKED].keys() <= set(engines.SIDES)
    times = {"PyTorch": np.full((3, 2), 3.0), "folded": np.ones((3, 2)), "plain": np.ones((3, 2))}
    full_size.check(shipped, times)
    times["folded"][1] = 2.0  # G: 1.5 times
    with pytest.raises(SystemExit) as failed:
        full_size.check(shipped, times)
    assert failed.value.code == 1
