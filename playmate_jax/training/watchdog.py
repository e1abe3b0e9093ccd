"""Ends a run that hangs, and shows where: the stacks of all threads on stderr, exit status 1.

A collective that waits for a lost process, a dead file system or a data worker that never answers
would hold a cluster for days. The timer is `faulthandler`'s, a C thread that needs no lock of
Python's: it works whatever the interpreter is stuck in.
"""

from __future__ import annotations

import faulthandler
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_STDERR = 2  # not sys.stderr, which may have no file descriptor
_EXPLANATION_S = 0.2  # the sentence comes before the stacks


class Watchdog:
    """Ends the process unless `alive()` is called at least every `minutes`; 0 turns it off.

    Use it in a `with` block; there is one timer in a process.
    """

    def __init__(self, minutes: float):
        self.seconds = 60 * minutes
        self._limit = self.seconds
        self._armed = 0.0
        self._ended = threading.Event()
        self._explainer = threading.Thread(target=self._explain, name="watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        if self.seconds:
            self._arm(self.seconds)
            self._explainer.start()
        return self

    def alive(self) -> None:
        """Starts the time anew. Cheap: the timer is set again only after 2 % of its time."""
        if self.seconds and time.monotonic() - self._armed > 0.02 * self._limit:
            self._arm(self._limit)

    @contextmanager
    def within(self, minutes: float) -> Iterator[None]:
        """Gives what happens in the block another limit, such as a compilation or a save."""
        before = self._limit
        if self.seconds:
            self._arm(60 * minutes)
        try:
            yield
        finally:
            if self.seconds:
                self._arm(before)

    def _arm(self, seconds: float) -> None:
        self._limit, self._armed = seconds, time.monotonic()
        faulthandler.dump_traceback_later(seconds + _EXPLANATION_S, exit=True, file=_STDERR)

    def _explain(self) -> None:
        """Says in a sentence what the stacks are about; this alone needs the interpreter."""
        left = self._limit
        while not self._ended.wait(min(max(left, 0.01), 1.0)):  # the limit may change meanwhile
            left = self._armed + self._limit - time.monotonic()
            if left <= 0:
                print(
                    f"playmate: expected a step to end within {self._limit / 60:g} min, found none:"
                    " the stacks of all threads follow, the last save is kept and the same command"
                    " resumes the run",
                    file=sys.stderr,
                    flush=True,
                )
                return

    def __exit__(self, *error: Any) -> None:
        self._ended.set()
        if self.seconds:
            faulthandler.cancel_dump_traceback_later()
            self._explainer.join()
