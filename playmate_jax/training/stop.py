"""Signals that ask a run to stop: noted, and acted upon by the loop after the running step.

The loop alone owns them (`distributed.initialize` keeps JAX's own handler out). Each process feeds
its flag into the compiled step, which returns the maximum over all, so that a signal to one process
stops all after the same step.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
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
                # One may have come before, its exception swallowed (cli/__init__.py).
                self._seen |= getattr(self._old[number], "arrived", False)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._seen = True
        self._interrupts += number == signal.SIGINT
        if self._interrupts > 1:
            raise KeyboardInterrupt

    def __bool__(self) -> bool:
        return self._seen

    @contextmanager
    def at_once(self, leave: Callable[[], None]) -> Iterator[None]:
        """Lets a signal end the process with status 130 inside the block: for the compilation
        before the first step, which has nothing to save and lets no handler of Python's run.

        Args:
          leave: called first, on another thread: what must not be left behind.
        """
        if not self._old:
            yield
            return
        read, write = os.pipe()
        os.set_blocking(write, False)  # as `set_wakeup_fd` wants it

        def watch() -> None:
            while number := os.read(read, 1):  # nothing at the end of the block
                if number[0] in STOP:
                    try:
                        leave()
                        print("stopped before a step; the same command goes on", file=sys.stderr)
                        sys.stderr.flush()
                    finally:
                        os._exit(130)  # the main thread may be in a compiler for minutes more

        watcher = threading.Thread(target=watch, name="stop")
        before = signal.set_wakeup_fd(write)
        watcher.start()
        if self:  # noted before
            os.write(write, bytes([signal.SIGTERM]))
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            os.close(write)
            watcher.join()
            os.close(read)

    def __exit__(self, *error: Any) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)
