"""What a run survives, and what it says when it does not: numbers, files, neighbours, signals."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.parallel.share import Share
from playmate_jax.parallel.workdir_lock import locked
from playmate_jax.training import LoopConfig, train
from playmate_jax.training.failure import replay
from playmate_jax.training.run_log import rows_of
from playmate_jax.training.update import key_of_step, keys
from tests.training.toy import LOOP, toy

ROOT = Path(__file__).resolve().parents[2]


def test_a_nan_gradient_under_a_finite_loss_is_found_kept_and_never_saved(tmp_path):
    with pytest.raises(FloatingPointError, match="gradient_norm, update_norm not finite in step 7"):
        train(toy(poison_gradient=6), tmp_path, 12, loop=LOOP, quiet=True)
    rows = rows_of(tmp_path / "metrics.jsonl")
    assert [row["step"] for row in rows if "loss" in row] == [4]
    # the newest checkpoint is of step 4: a repaired run goes on from there
    done = train(toy(), tmp_path, 12, loop=LOOP, quiet=True)
    chex.assert_tree_all_finite(done.state)
    assert done.step == 12


def test_replay_names_what_is_not_finite(tmp_path):
    with pytest.raises(UserError, match="--replay is for a run that ended"):
        replay(toy(), tmp_path)
    with pytest.raises(FloatingPointError):
        train(toy(poison_gradient=6), tmp_path, 12, loop=LOOP, quiet=True)
    lines = replay(toy(poison_gradient=6), tmp_path)
    assert lines[0] == "step 7, seed 0, 8 rows"
    assert any(line.startswith("metric gradient_norm: 1 of 1 not finite") for line in lines)
    assert any(line.startswith("gradient ") and "vectors" in line for line in lines)
    assert not any(line.startswith(("input", "state")) for line in lines)
    # what was kept is the state and the batch of that very step: repaired, it gives finite numbers
    assert "every number is finite here" in replay(toy(), tmp_path)[1]


def test_replay_names_a_bad_input(tmp_path):
    with pytest.raises(FloatingPointError):
        train(toy(poison_at=5), tmp_path, 12, loop=LOOP, quiet=True)
    assert "input x: 1 of 24 not finite, first at (0, 0)" in replay(toy(), tmp_path)


def test_a_torn_line_of_the_log_does_not_stop_a_resume(tmp_path):
    train(toy(), tmp_path, 6, loop=LOOP, quiet=True)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 7, "lo')
    train(toy(), tmp_path, 12, loop=LOOP, quiet=True)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    steps = [row["step"] for row in rows if "loss" in row]
    assert steps == [4, 6, 8, 12]


@pytest.mark.parametrize("damage", ["emptied", "cut", "record"])
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(damage, tmp_path, capsys):
    whole = train(toy(), tmp_path / "a", 12, loop=LOOP, quiet=True)
    train(toy(), tmp_path / "b", 8, loop=LOOP, quiet=True)
    newest = tmp_path / "b" / "checkpoints" / "8"
    if damage == "record":
        (newest / "about" / "metadata").write_text('{"seed": 0, "con')
    for path in [p for p in (newest / "state").rglob("*") if p.is_file()] * (damage != "record"):
        path.write_bytes(
            b"" if damage == "emptied" else path.read_bytes()[: path.stat().st_size // 2]
        )
    rest = train(toy(), tmp_path / "b", 12, loop=LOOP, quiet=True)
    chex.assert_trees_all_equal(whole.state, rest.state)
    assert "step 8 is damaged" in capsys.readouterr().err
    assert (tmp_path / "b" / "damaged" / "8").is_dir()


def test_all_checkpoints_damaged_is_one_sentence(tmp_path):
    train(toy(), tmp_path, 8, loop=LOOP, quiet=True)
    for path in (tmp_path / "checkpoints").rglob("metadata"):
        path.write_text("{")
    with pytest.raises(UserError, match="found all 2 damaged"):
        train(toy(), tmp_path, 12, loop=LOOP, quiet=True)


def test_a_checkpoint_of_another_model_shows_both_sides_and_is_left_alone(tmp_path):
    train(toy(), tmp_path, 4, loop=LOOP, quiet=True)
    with pytest.raises(UserError, match=r"! packed/vectors float32\[8\] in the checkpoint"):
        train(toy(width=3), tmp_path, 8, loop=LOOP, quiet=True)
    assert train(toy(), tmp_path, 8, loop=LOOP, quiet=True).step == 8


def test_a_workdir_in_use_is_refused_and_a_lock_left_behind_is_not(tmp_path):
    program = (
        "import sys, time, pathlib\n"
        "from playmate_jax.parallel.workdir_lock import locked\n"
        "with locked(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    assert other.stdout is not None and other.stdout.readline()
    with pytest.raises(UserError, match=f"in use by process {other.pid} on .*: wait for its end"):
        train(toy(), tmp_path, 4, loop=LOOP, quiet=True)
    other.kill()
    other.wait()
    with locked(tmp_path):
        pass


def test_a_signal_during_an_evaluation_does_not_wait_for_it(tmp_path):
    seen = []

    def slow(state, pause):
        for piece in range(100):
            pause()
            seen.append(piece)
            if len(seen) == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.05)
        return {"pieces": 100.0}

    loop = LoopConfig(log_every=4, checkpoint_minutes=0, eval_every=4)
    half = train(toy(evaluation=slow), tmp_path, 12, loop=loop, quiet=True)
    assert half.interrupted and half.step == 4 and len(seen) == 3
    # the evaluation that was given up is made up for by the run that goes on
    quick = toy(evaluation=lambda state, pause: {"count": float(state.count)})
    train(quick, tmp_path, 12, loop=loop, quiet=True)
    rows = rows_of(tmp_path / "metrics.jsonl")
    assert [row["test/count"] for row in rows if "test/count" in row] == [4, 8, 12]


def test_the_best_and_every_nth_checkpoint_stay(tmp_path):
    losses = {2: 3.0, 4: 1.0, 6: 2.0, 8: 5.0, 10: 4.0, 12: 6.0}
    stage = toy(evaluation=lambda state, pause: {"loss": losses[int(state.count)]})
    loop = LoopConfig(
        log_every=2, checkpoint_minutes=0, eval_every=2, keep=1, keep_every=6, best="test/loss"
    )
    train(stage, tmp_path, 12, loop=loop, quiet=True)
    kept = {int(p.name) for p in (tmp_path / "checkpoints").iterdir() if p.name.isdecimal()}
    assert kept == {4, 6, 12}


def test_no_step_draws_the_key_of_the_initial_state():
    """`fold_in(key, n)` is the n-th of `split(key)`: both keys of one key would collide."""
    first, steps = keys(0)
    drawn = {words(key) for n in range(99) for key in Share().row_keys(key_of_step(steps, n), 8)}
    assert len(drawn) == 8 * 99
    assert not drawn & {words(key) for key in [first, *jax.random.split(first, 99)]}


def words(key):
    return tuple(np.asarray(jax.random.key_data(key)))


def test_rows_and_steps_draw_independent_numbers():
    """Their keys differ in a few bits only."""
    key = keys(0)[1]
    rows = jnp.concatenate([Share().row_keys(key_of_step(key, n), 32) for n in range(32)])
    drawn = jax.vmap(lambda row: jax.random.normal(row, (4096,)))(rows)
    correlation = np.corrcoef(np.asarray(drawn)) - np.eye(len(rows))
    # half a million pairs scatter by 1 / 64: 5.1 of that is rare among them
    assert np.abs(correlation).max() < 5.5 / 64
    assert abs(correlation.std() * 64 - 1) < 0.01


def test_goodput_counts_lost_steps_and_adds_up_over_restarts(tmp_path):
    loop = LoopConfig(log_every=1, checkpoint_minutes=0, checkpoint_every=4)
    with pytest.raises(RuntimeError, match="killed"):
        train(toy(die_at=7), tmp_path, 12, loop=loop, quiet=True)
    train(toy(), tmp_path, 12, loop=loop, quiet=True)
    seconds = [row["seconds"] for row in rows_of(tmp_path / "metrics.jsonl") if "seconds" in row]
    last = seconds[-1]
    parts = sum(value for name, value in last.items() if name != "all")
    assert last["lost"] > 0 and parts == pytest.approx(last["all"], rel=0.01)
    assert all(a["all"] <= b["all"] for a, b in zip(seconds, seconds[1:], strict=False))


def _words(key):
    return tuple(np.asarray(jax.random.key_data(key)).tolist())
