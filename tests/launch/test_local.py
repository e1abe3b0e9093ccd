"""launch/local.sh: one command starts, stops and reports on several processes."""

import re
import signal
import subprocess
import time

import pytest

from tests.jobs import ROOT, environment

LOCAL = str(ROOT / "launch" / "local.sh")


def start(python, *arguments, fake="", **variables) -> subprocess.Popen:
    names = {"PYTHON": str(python), "FAKE": fake} | variables
    return subprocess.Popen(
        [LOCAL, *arguments],
        env=environment(**names),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a suite in the background ignores Ctrl-C, and bash cannot trap what it was told to ignore
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def run(*arguments, **options) -> tuple[int, str, str]:
    process = start(*arguments, **options)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def until_ready(process, processes=2) -> None:
    lines = (line for line in process.stdout if line.endswith("] ready\n"))
    for _ in range(processes):
        next(lines)


def test_every_process_knows_its_place_and_gets_the_same_arguments(fake_python):
    code, out, err = run(fake_python, "-n", "3", "a config.py", "--workdir", "runs/a b")
    assert (code, err) == (0, "")
    words = ["-u", "-m", "playmate_jax", "train", "a config.py", "--workdir", "runs/a b"]
    for number in range(3):
        mine = [x[4:] for x in out.splitlines() if x.startswith(f"[{number}] ")]
        assert [x for x in mine if x.startswith("argument")] == [f"argument <{x}>" for x in words]
        assert re.search(rf"job {number}/3 127\.0\.0\.1:\d+$", "\n".join(mine), re.M)
    assert len(set(re.findall(r"127\.0\.0\.1:\d+", out))) == 1


def test_without_gpus_the_processes_use_the_cpu(fake_python):
    assert "devices cpu \n" in run(fake_python, "-n", "1", "c.py")[1]


def test_gpus_are_divided_among_the_processes(fake_python):
    gpus = {"JAX_PLATFORMS": "", "CUDA_VISIBLE_DEVICES": "4,5,6,7"}
    _, out, _ = run(fake_python, "-n", "2", "c.py", **gpus)
    assert "[0] devices any 4,5\n" in out and "[1] devices any 6,7\n" in out
    code, _, err = run(fake_python, "-n", "3", "c.py", **gpus)
    assert code == 2 and "expected a number of processes that divides the 4 GPUs, found 3" in err


@pytest.mark.parametrize("arguments", [(), ("-n", "2"), ("-n", "two", "c.py"), ("-n", "0", "c.py")])
def test_a_wrong_call_is_refused_with_an_example(fake_python, arguments):
    code, _, err = run(fake_python, *arguments)
    assert code == 2 and err.count("\n") == 1
    assert "expected a number of processes" in err and "-n 2 configs/tiny_stage1.py" in err


def test_when_one_fails_its_code_is_returned_and_the_others_are_ended(fake_python):
    code, out, err = run(fake_python, "-n", "2", "c.py", fake="fail")
    assert code == 3
    assert (
        err == "[1] no space left\nlocal.sh: process 1 ended with code 3, so the others are ended\n"
    )


def test_one_that_hangs_is_killed_seconds_after_another_failed(fake_python):
    begun = time.monotonic()
    code, _, err = run(fake_python, "-n", "2", "c.py", fake="hang")
    assert code == 3 and time.monotonic() - begun < 10
    assert err == "local.sh: process 1 ended with code 3, so the others are ended\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_all_processes(fake_python, number):
    process = start(fake_python, "-n", "2", "c.py", fake="work")
    until_ready(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130 and err == ""
    assert sorted(out.splitlines()) == ["[0] saved", "[1] saved"]


def test_a_second_signal_ends_processes_that_do_not_listen(fake_python):
    process = start(fake_python, "-n", "2", "c.py", fake="deaf")
    until_ready(process)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGKILL
