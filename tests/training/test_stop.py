"""Signals that ask a run to stop."""

import contextlib
import os
import signal
import subprocess
import sys
import threading

import pytest

from playmate_jax.cli import _raise_on_terminate
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


def test_a_signal_that_came_while_a_library_swallowed_exceptions_is_not_lost():
    before = signal.getsignal(signal.SIGTERM)
    try:
        _raise_on_terminate()
        with contextlib.suppress(SystemExit):
            os.kill(os.getpid(), signal.SIGTERM)
        with StopSignals() as stop:
            assert stop
    finally:
        signal.signal(signal.SIGTERM, before)


def test_outside_the_main_thread_signals_are_left_alone():
    before = signal.getsignal(signal.SIGTERM)

    def enter():
        with StopSignals() as stop, stop.at_once(lambda: None):
            assert signal.getsignal(signal.SIGTERM) is before

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()


COMPILING = """
import hashlib, os, runpy
stop = runpy.run_path("playmate_jax/training/stop.py")["StopSignals"]()
with stop, stop.at_once(lambda: print("closed", flush=True)):
    print("compiling", flush=True)
    hashlib.pbkdf2_hmac("sha512", b"", b"", 10**9)
"""


@pytest.mark.parametrize("number", STOP)
def test_a_compilation_before_the_first_step_is_ended_at_once(number):
    """The hash takes minutes and lets other threads run, but no handler of Python's, as a compiler
    does."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMPILING],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment(),
    )  # fmt: skip
    assert process.stdout and process.stdout.readline() == "compiling\n"
    process.send_signal(number)
    try:
        out, err = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == 130 and out == "closed\n"
    assert err == "stopped before a step; the same command goes on\n"


def test_a_signal_from_before_the_block_ends_the_process_too():
    code = COMPILING.replace("with stop, ", "with stop:\n  os.kill(os.getpid(), 15)\nwith stop, ")
    process = subprocess.run(
        [sys.executable, "-c", code],
        check=False, capture_output=True, timeout=10, cwd=ROOT, env=environment(),
    )  # fmt: skip
    assert process.returncode == 130, process.stderr


def test_after_the_block_signals_are_noted_again():
    before, threads = signal.set_wakeup_fd(-1), threading.active_count()
    with StopSignals() as stop:
        with stop.at_once(lambda: None):
            assert threading.active_count() > threads
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop and signal.set_wakeup_fd(before) == -1
    assert threading.active_count() == threads
