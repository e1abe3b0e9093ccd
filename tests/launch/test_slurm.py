"""launch/slurm/train.sbatch, run with stand-ins for srun and scontrol."""

import json
import os
import random
import signal
import subprocess
import sys

import pytest

from tests.jobs import ROOT, environment

SCRIPT = str(ROOT / "launch" / "slurm" / "train.sbatch")
# Starts the tasks on this machine with the variables that srun sets, passes SIGUSR1 on to them, and
# ends with the largest exit code, as srun does.
SRUN = """#!/usr/bin/env bash
echo "srun $*" >> "$CALLS"
while [[ $1 == --* ]]; do
  case $1 in --ntasks=*) tasks=${1#*=} ;; --ntasks-per-node=*) each=${1#*=} ;; esac
  shift
done
pids=() code=0
trap 'kill -USR1 "${pids[@]}"' USR1
for ((i = 0; i < tasks; i++)); do
  SLURM_STEP_NUM_TASKS=$tasks SLURM_NTASKS=$tasks SLURM_STEP_NODELIST=localhost SLURM_PROCID=$i \\
    SLURM_LOCALID=$((i % each)) SLURM_NODEID=$((i / each)) \\
    SLURM_STEP_TASKS_PER_NODE="$each(x$((tasks / each)))" "$@" &
  pids+=($!)
done
for pid in "${pids[@]}"; do
  while kill -0 "$pid" 2> /dev/null; do wait "$pid"; done
  wait "$pid"; ended=$?
  ((ended <= code)) || code=$ended
done
exit "$code"
"""
SCONTROL = """#!/usr/bin/env bash
echo "scontrol $*" >> "$CALLS"
"""


@pytest.fixture
def slurm(tmp_path):
    """The environment of a batch script on two nodes with 8 cores each."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    (tmp_path / "calls").touch()
    return environment(
        PATH=f"{folder}:{os.environ['PATH']}",
        CALLS=str(tmp_path / "calls"),
        SLURM_JOB_ID=str(random.randrange(10**6)),
        SLURM_NNODES="2",
        SLURM_CPUS_ON_NODE="8",
    )


def calls(slurm) -> list[str]:
    with open(slurm["CALLS"]) as file:
        return file.read().splitlines()


def start(slurm, *arguments, **variables) -> subprocess.Popen:
    return subprocess.Popen(
        ["bash", SCRIPT, *arguments],
        env=slurm | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


@pytest.mark.parametrize(("each", "tasks", "cores"), [("1", 2, 8), ("4", 8, 2)])
def test_one_process_per_node_or_as_many_as_the_variable_says(
    slurm, fake_python, each, tasks, cores
):
    job = start(slurm, "a config.py", PER_NODE=each, PYTHON=str(fake_python), FAKE="")
    out, err = job.communicate(timeout=60)
    assert (job.returncode, err) == (0, "")
    assert out.count("argument <a config.py>\n") == tasks
    assert calls(slurm) == [
        f"srun --nodes=2 --ntasks={tasks} --ntasks-per-node={each} --cpus-per-task={cores} "
        f"--kill-on-bad-exit=1 --label {fake_python} -u -m playmate_jax train a config.py"
    ]


def test_before_the_time_is_over_the_run_saves_and_is_queued_again(slurm, fake_python):
    job = start(slurm, "c.py", PYTHON=str(fake_python), FAKE="work")
    _wait_until_ready(job)
    job.send_signal(signal.SIGUSR1)
    out, err = job.communicate(timeout=30)
    assert job.returncode == 130 and out.count("saved\n") == 2
    assert "the time is over" in err
    assert calls(slurm)[1:] == [f"scontrol requeue {slurm['SLURM_JOB_ID']}"]


def test_a_cancelled_job_outlives_its_processes_and_is_not_queued_again(slurm, fake_python):
    job = start(slurm, "c.py", PYTHON=str(fake_python), FAKE="work")
    _wait_until_ready(job)
    job.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        job.wait(timeout=1)
    # SLURM sends SIGTERM to the processes too; here SIGUSR1 by way of srun ends them as well
    subprocess.run(["pkill", "-USR1", "-P", str(job.pid), "-f", "srun"], check=True)
    job.communicate(timeout=30)
    assert job.returncode == 130
    assert len(calls(slurm)) == 1


def _wait_until_ready(job: subprocess.Popen) -> None:
    lines = (line for line in job.stdout or () if line == "ready\n")
    for _ in range(2):
        next(lines)


def test_the_script_trains_two_steps_as_one_job_of_two_real_processes(slurm, tmp_path):
    run = tmp_path / "run"
    arguments = ["tests/training/small_config.py", "--workdir", str(run), "--steps", "2"]
    job = start(slurm, *arguments, PYTHON=sys.executable)
    out, err = job.communicate(timeout=180)
    assert job.returncode == 0, err
    assert out.count("is connected to 1 peer ranks") == 2
    assert (run / "checkpoints" / "2").is_dir()
    # Process 0 alone reports.
    rows = [json.loads(row) for row in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss" in row] == [2]
    assert err.count("small 2/2  error") == 1
    assert len(list(run.glob("events.out.tfevents.*"))) == 1
