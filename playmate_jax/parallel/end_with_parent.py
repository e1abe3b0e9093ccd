"""A child process ends when its parent does, however that happens."""

import fcntl
import os
import select
import signal
import sys


def end_with_parent() -> None:
    """The system ends this process when the other end of its standard input is closed.

    Nothing is ever written there, so that its only event is the end of the process that holds it.
    The signal needs no Python to run, which a decoder that hangs might keep from running.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([0], [], [], 0)[0]:  # it happened before
        sys.exit(1)


def cause_of_death(code: int) -> str:
    """What an exit code of `subprocess` says, in words."""
    try:
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    except ValueError:
        return f"signal {-code}"
