"""Logging to Weights & Biases, on a module that stands in its place."""

import sys
import types

import pytest

from playmate_jax.errors import UserError
from playmate_jax.training.wandb_writer import WandbWriter


class FakeRun:
    def __init__(self, options):
        self.options, self.id = options, options["id"] or "new-id"
        self.rows, self.finished = {}, False

    def log(self, values, step):
        self.rows.setdefault(step, {}).update(values)

    def finish(self):
        self.finished = True


@pytest.fixture
def runs(monkeypatch):
    """Every run that `wandb.init` was asked for."""
    started = []

    def init(**options):
        started.append(FakeRun(options))
        return started[-1]

    monkeypatch.setitem(sys.modules, "wandb", types.SimpleNamespace(init=init))
    return started


def test_scalars_arrive_by_step(runs, tmp_path):
    (tmp_path / "s1").mkdir()
    writer = WandbWriter("talking", tmp_path / "s1", {"steps": 3})
    writer.add_scalar("loss", 1.5, 10)
    writer.add_scalar("mfu", 0.4, 10)
    writer.add_scalar("loss", 1.25, 20)
    writer.close()
    (run,) = runs
    assert run.rows == {10: {"loss": 1.5, "mfu": 0.4}, 20: {"loss": 1.25}} and run.finished
    assert run.options["project"] == "talking" and run.options["name"] == "s1"
    assert run.options["config"] == {"steps": 3}


def test_a_resumed_run_goes_on_in_the_same_wandb_run(runs, tmp_path):
    for _ in range(2):
        WandbWriter("talking", tmp_path, {}).close()
    first, second = runs
    assert first.options["id"] is None and second.options["id"] == first.id
    assert {p.name for p in tmp_path.iterdir()} == {"wandb_id.txt"}


def test_without_the_package_the_error_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match="pip install wandb"):
        WandbWriter("talking", tmp_path, {})
