"""A run that hangs ends, and shows where; one that goes on does not."""

import subprocess
import sys
import textwrap

import pytest

from tests.jobs import ROOT, environment

# By its path: all of training takes seconds to import.
IMPORTS = """
import runpy, time
Watchdog = runpy.run_path("playmate_jax/training/watchdog.py")["Watchdog"]
"""


def run(body: str, limit_s: float = 0.5) -> subprocess.CompletedProcess:
    """Runs a program under a watchdog; it prints "end" if it gets there."""
    code = IMPORTS + f"with Watchdog({limit_s} / 60) as dog:\n" + textwrap.indent(body, "    ")
    return subprocess.run(
        [sys.executable, "-c", code + "\nprint('end')"],
        capture_output=True, text=True, cwd=ROOT, env=environment(), timeout=60, check=False,
    )  # fmt: skip


STUCK = {
    "in Python": "def the_place(): time.sleep(30)\nthe_place()",
    # `re` holds the interpreter's lock while it backtracks: no other thread of Python's can run
    "in C": "import re\ndef the_place(): re.match('(a+)+b', 'a' * 40)\nthe_place()",
    "after a pause": "dog.alive()\nwith dog.within(1): time.sleep(1)\n"
    "def the_place(): time.sleep(30)\nthe_place()",
}


@pytest.mark.parametrize("case", STUCK)
def test_a_run_that_hangs_shows_where_and_exits(case):
    done = run(STUCK[case])
    assert done.returncode == 1 and "end" not in done.stdout
    assert "in the_place" in done.stderr and "Timeout" in done.stderr
    if case != "in C":
        sentence, stacks = done.stderr.split("Timeout", 1)
        assert "playmate: expected a step to end within" in sentence and "resumes" in sentence


@pytest.mark.parametrize(
    "body",
    [
        "for _ in range(30):\n    time.sleep(0.05)\n    dog.alive()",
        "with dog.within(1):\n    time.sleep(1)\ndog.alive()",
        "pass",
    ],
)
def test_a_run_that_goes_on_is_left_alone(body):
    done = run(body)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


def test_zero_minutes_turn_it_off():
    done = run("dog.alive()\nwith dog.within(0):\n    time.sleep(0.5)", limit_s=0)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")
