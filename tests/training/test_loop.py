"""Laws of the training loop, on a toy stage: linear regression with noise from the step's key."""

import dataclasses
import json
import os
import signal
import struct

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tensorboardX.proto.event_pb2 import Event, SessionLog

from playmate_jax.errors import UserError
from playmate_jax.training import LoopConfig, train
from playmate_jax.training.optimizer import OptimizerConfig, optimizer, schedule
from tests.training.toy import LOOP, toy


def test_resume_equals_uninterrupted_run_bit_for_bit(tmp_path):
    whole = train(toy(), tmp_path / "a", 12, loop=LOOP, quiet=True)

    def stop_in_sixth(n):
        if n == 6:  # the batch of step 7 is fetched while step 6 runs
            os.kill(os.getpid(), signal.SIGTERM)

    half = train(toy(on_batch=stop_in_sixth), tmp_path / "b", 12, loop=LOOP, quiet=True)
    assert half.interrupted and half.step == 6
    rest = train(toy(), tmp_path / "b", 12, loop=LOOP, quiet=True)
    assert rest.step == 12 and not rest.interrupted
    chex.assert_trees_all_equal(whole.state, rest.state)


def test_each_step_is_logged_once_after_a_resume(tmp_path):
    train(toy(), tmp_path, 6, loop=LOOP, quiet=True)
    train(toy(), tmp_path, 12, loop=LOOP, quiet=True)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    steps = [row["step"] for row in rows if "loss" in row]
    assert steps == sorted(set(steps)) and steps[-1] == 12
    assert [row["test/count"] for row in rows if "test/count" in row] == [6, 12]


def test_nan_names_the_steps_and_is_never_saved(tmp_path):
    with pytest.raises(FloatingPointError, match="loss.* not finite in step 6; nothing"):
        train(toy(poison_at=5), tmp_path, 12, loop=LOOP, quiet=True)
    resumed = train(toy(), tmp_path, 12, loop=LOOP, quiet=True)
    chex.assert_tree_all_finite(resumed.state)


def test_a_run_compiles_its_step_once(tmp_path):
    stage = toy()
    once = dataclasses.replace(stage, step=chex.assert_max_traces(stage.step, n=1))
    train(once, tmp_path, 12, loop=LOOP, quiet=True)


def scalars(workdir) -> dict[str, dict[int, float]]:
    """What TensorBoard would show: name -> step -> value, of all files but for what is purged."""
    found: dict[str, dict[int, float]] = {}
    for path in sorted(workdir.glob("events.out.tfevents.*")):
        data = path.read_bytes()
        while data:
            (size,) = struct.unpack("<Q", data[:8])
            event = Event.FromString(data[12 : 12 + size])
            data = data[16 + size :]
            if event.session_log.status == SessionLog.START:
                for values in found.values():
                    for step in [step for step in values if step >= event.step]:
                        del values[step]
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found


def test_tensorboard_shows_what_metrics_jsonl_says_after_a_resume_too(tmp_path):
    train(toy(), tmp_path, 6, loop=LOOP, quiet=True)
    train(toy(), tmp_path, 12, loop=LOOP, quiet=True)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    for name, values in scalars(tmp_path).items():
        wanted = {row["step"]: row[name] for row in rows if name in row}
        assert values == pytest.approx(wanted, rel=1e-6)  # events hold float32
    norms = {"gradient_norm", "update_norm", "parameter_norm"}
    assert {"loss", "error", "test/count", *norms} == scalars(tmp_path).keys()


def test_another_seed_is_refused(tmp_path):
    train(toy(), tmp_path, 4, loop=LOOP, quiet=True)
    with pytest.raises(UserError, match="expected seed 0"):
        train(toy(), tmp_path, 8, seed=1, loop=LOOP, quiet=True)


def test_going_on_with_another_configuration_is_said(tmp_path, capsys):
    stage = dataclasses.replace(
        toy(), description={"steps": 4, "sizes": (1, 2), "loop": {"keep": 2}}
    )
    train(stage, tmp_path, 4, loop=LOOP)
    longer = dataclasses.replace(stage, description={**stage.description, "steps": 8})
    capsys.readouterr()
    train(longer, tmp_path, 6, loop=LOOP)
    assert "another configuration" in (said := capsys.readouterr().err) and "steps: 4 -> 8" in said
    assert "sizes" not in said and "keep" not in said
    train(longer, tmp_path, 8, loop=LOOP)
    assert "another configuration" not in capsys.readouterr().err


def test_training_reduces_the_loss_and_ema_follows(tmp_path):
    done = train(toy(200), tmp_path, 200, loop=LoopConfig(log_every=20), quiet=True)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if "loss" in row]
    assert losses[-1] < 0.1 * losses[0]
    # noise 0.1 over the last ~10 batches of 8 rows leaves 0.1 / sqrt(80) = 0.011 (one sigma)
    truth = np.array([[1, 0], [-1, 1], [0, -1]])
    np.testing.assert_allclose(done.state.ema["a"]["kernel"], truth, atol=3 * 0.011)
    assert not np.array_equal(done.state.ema["bias"], done.state.params["bias"])


def test_schedule_warms_up_holds_and_ends_at_zero():
    rate = schedule(OptimizerConfig(learning_rate=2.0, warmup_share=0.1, anneal_share=0.5), 100)
    assert 0 < float(rate(0)) < 0.5
    assert float(rate(10)) == float(rate(49)) == 2.0
    np.testing.assert_allclose(float(rate(75)), 1.0, atol=1e-6)
    assert float(rate(100)) == 0.0


def test_rates_scale_the_steps_of_the_first_name_that_matches():
    """One step of Adam moves every number by the learning rate, times the rate of its name."""
    params = {name: {"kernel": jnp.ones((2, 3))} for name in ("head_exp", "head_t", "trunk")}
    rates = ((r"^head_exp/", 0.1), (r"^head_", 0.5))
    config = OptimizerConfig(learning_rate=0.01, warmup_share=0.1, clip_norm=1e9, rates=rates)
    tx = optimizer(config, 10)
    updates, _ = tx.update(jax.tree.map(jnp.ones_like, params), tx.init(params), params)
    found = {name: float(-update["kernel"].mean()) for name, update in updates.items()}
    # Adam's first update is g / (|g| + eps): 1 to 1e-8
    wanted = {"head_exp": 0.001, "head_t": 0.005, "trunk": 0.01}
    assert found == pytest.approx(wanted, rel=1e-6)


def test_rates_change_nothing_about_what_the_optimiser_remembers():
    """A checkpoint's optimiser has one form, so older ones stay readable."""
    params = {"a": {"kernel": jnp.ones(3)}}
    forms = []
    for rates in ((), (("a", 0.5),)):
        state = optimizer(OptimizerConfig(rates=rates), 10).init(params)
        forms.append([jax.tree_util.keystr(path) for path, _ in jax.tree.leaves_with_path(state)])
    plain, scaled = forms
    assert [name.replace("[3]", "[2]") for name in scaled] == plain
