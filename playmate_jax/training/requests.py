"""What processes ask each other for: to save by the clock, or to stop after a signal.

Two processes that decided by themselves would wait for each other for ever: one of them saves, the
other goes on to a step that needs both. So each gives its request to the step that it starts, the
step returns the largest of all (training/update.py), and every process reads the same answer one
step later. A single process needs no such round and acts at once.
"""

from __future__ import annotations

import time
from typing import Any

import jax

from playmate_jax.parallel.distributed import any_process
from playmate_jax.training.stop import StopSignals

NOTHING, SAVE, STOP = 0, 1, 2


class Stopped(Exception):
    """Raised out of an evaluation when the run is to stop."""


class Requests:
    """The requests of this process, and what all agreed on.

    Args:
      stop: true once a signal has asked this process to stop.
      save_minutes: process 0 asks for a checkpoint so often; 0: never.
    """

    def __init__(self, stop: StopSignals, save_minutes: float):
        self._stop = stop
        self._every_s = 60 * save_minutes
        self._saved_at, self._asked = time.monotonic(), False

    def mine(self) -> int:
        """What to give to the next step."""
        if self._stop:
            return STOP
        late = self._every_s and time.monotonic() - self._saved_at > self._every_s
        if late and not self._asked and jax.process_index() == 0:
            self._asked = True
            return SAVE
        return NOTHING

    def agreed(self, mine: int, answer: Any) -> int:
        """What all processes do now.

        Args:
          mine: what this process gave to the step that was just started.
          answer: what the step before returned; None: there was none.
        """
        if jax.process_count() == 1:
            return STOP if self._stop else mine
        return NOTHING if answer is None else int(answer)

    def saved(self) -> None:
        """A checkpoint was begun: the clock starts anew."""
        self._saved_at, self._asked = time.monotonic(), False

    def pause(self) -> None:
        """To be called between the pieces of an evaluation, equally often on every process.

        Raises:
          Stopped: a process was asked to stop.
        """
        if any_process(bool(self._stop)):
            raise Stopped
