"""JAX's profiler on some steps of a run; TensorBoard, Perfetto or xprof show what it recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax


class Profile:
    """Records the steps first, ..., last - 1 (counted from 0) into `workdir`; use it in a `with`
    block.

    Args:
      steps: (first, last); None: none.
      start: the first step of this process; recording begins there at the earliest.
    """

    def __init__(self, workdir: Path, steps: tuple[int, int] | None, start: int):
        self.workdir, self._running = workdir, False
        self._first, self._last = steps or (-1, -1)
        self._first = max(self._first, start) if steps else -1

    def before(self, step: int) -> None:
        """To be called before a step is started."""
        if step == self._first < self._last:
            jax.profiler.start_trace(str(self.workdir))
            self._running = True

    def after(self, step: int, outputs: Any) -> None:
        """To be called with the number of steps that have been started."""
        if self._running and step >= self._last:
            jax.block_until_ready(outputs)
            self._stop()

    def _stop(self) -> None:
        jax.profiler.stop_trace()
        self._running = False

    def __enter__(self) -> Profile:
        return self

    def __exit__(self, *error: Any) -> None:
        if self._running:
            self._stop()
