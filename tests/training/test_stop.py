"""Signals that ask a run to stop."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from playmate_jax.training.stop import STOP, StopSignals
from tests.jobs import ROOT, environment


@pytest.mark.parametrize("number", STOP)
def test_a_signal_is_noted_and_the_old_handler_comes_back(number):
    before = signal.getsignal(number)
    with StopSignals() as stop:
        assert not stop
        os.kill(os.getpid(), number)
        assert stop
    assert signal.getsignal(number) is before


def test_a_second_ctrl_c_does_not_wait():
    with StopSignals() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_outside_the_main_thread_signals_are_left_alone():
    before = signal.getsignal(signal.SIGTERM)

    def enter():
        with StopSignals() as stop, stop.at_once():
            assert signal.getsignal(signal.SIGTERM) is before

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()


def test_a_compilation_before_the_first_step_is_ended_at_once():
    """`re` backtracks for minutes without letting Python's handlers run, as a compiler does."""
    code = """
import re, runpy
stop = runpy.run_path("playmate_jax/training/stop.py")["StopSignals"]()
with stop, stop.at_once():
    print("compiling", flush=True)
    re.match("(a+)+b", "a" * 40)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment(),
    )  # fmt: skip
    assert process.stdout and process.stdout.readline() == "compiling\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == -signal.SIGTERM


def test_after_the_block_signals_are_noted_again():
    with StopSignals() as stop:
        with stop.at_once():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop
