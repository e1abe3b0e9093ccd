"""Runs that are killed or stopped lose nothing; started as a user starts them."""

import signal
import subprocess
import sys
import time

import pytest

from benchmarks.kill_and_resume import CONFIG, Run, compare
from tests.jobs import ROOT, environment


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Only the variables of a plain shell, on one CPU device a process."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(("processes", "kills"), [(1, 2), (2, 1)])
def test_a_run_that_is_killed_ends_where_an_uninterrupted_one_does(processes, kills, tmp_path):
    found = compare(processes, kills, [str(CONFIG), "--steps", "120"], tmp_path, seed=1)
    assert found.problems() == []
    assert sorted(kill.signal for kill in found.kills) == ["SIGKILL", "SIGTERM"][:kills]


@pytest.mark.parametrize(("processes", "target"), [(1, "0"), (2, "1")])
def test_sigterm_to_one_process_stops_all_inside_an_evaluation(processes, target, tmp_path):
    run = Run(processes, tmp_path / "run", [str(CONFIG), "--set", "evaluation_s=100"])
    try:
        while run.launcher.poll() is None and run.last_step() < 25:  # the first evaluation's step
            time.sleep(0.05)
        time.sleep(2)
        run.send(signal.SIGTERM, target)
        sent_at = time.monotonic()
        assert run.end() == 130
        assert time.monotonic() - sent_at < 5
    finally:
        run.launcher.kill()
    assert run.last_step() == 25
    assert (tmp_path / "run" / "checkpoints" / "25").is_dir()


def test_a_second_run_in_the_same_folder_is_refused_by_both_processes(tmp_path):
    """Process 0 holds the lock, and what it says every process says."""
    first = Run(1, tmp_path / "run", [str(CONFIG), "--set", "evaluation_s=100"])
    try:
        first.wait_until_training()
        second = subprocess.run(
            [ROOT / "launch" / "local.sh", "-n", "2", CONFIG, "--workdir", tmp_path / "run"],
            env=environment(PYTHON=sys.executable),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert second.returncode == 2
        for number in (0, 1):
            assert (
                f"[{number}] playmate: expected a workdir that no other run uses" in second.stderr
            )
        assert first.launcher.poll() is None
    finally:
        first.launcher.kill()
