"""Signals that ask a run to stop: noted, and acted upon by the loop after the running step.

The loop alone owns them (`distributed.initialize` keeps JAX's own handler out). Each process feeds
its flag into the compiled step, which returns the maximum over all, so that a signal to one process
stops all after the same step.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# SIGUSR1 is what launch/slurm/train.sbatch passes on: srun itself ends at a SIGTERM.
STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class StopSignals:
    """Truthy once one of the signals has arrived; a second Ctrl-C raises KeyboardInterrupt.

    Use it in a `with` block, which restores the handlers. Outside the main thread, where Python
    allows no handlers, it does nothing: the signals belong to the embedding program.
    """

    def __init__(self) -> None:
        self._interrupts = 0
        self._seen = False
        self._old: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in STOP:
                self._old[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._seen = True
        self._interrupts += number == signal.SIGINT
        if self._interrupts > 1:
            raise KeyboardInterrupt

    def __bool__(self) -> bool:
        return self._seen

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Lets the signals end the process at once inside the block: for a long compilation before
        the first step, which no handler of Python's can interrupt and which has nothing to save."""
        for number in self._old:
            signal.signal(number, signal.SIG_DFL)
        try:
            yield
        finally:
            for number in self._old:
                signal.signal(number, self._note)

    def __exit__(self, *error: Any) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)
