"""The progress bar: one line on standard error per phase, with its rate."""

import sys
import time


class ProgressBar:
    """A callable `(phase, done, total)`; on a terminal live, elsewhere one line a phase.

    Args:
      unit: what is counted.
    """

    WIDTH = 28
    INTERVAL_S = 0.1

    def __init__(self, stream=None, unit: str = "frames"):
        self.unit, self.stream = unit, stream or sys.stderr
        self.live = self.stream.isatty()
        self._phase, self._began, self._drawn = "", 0.0, 0.0

    def __call__(self, phase: str, done: int, total: int) -> None:
        now = time.perf_counter()
        if phase != self._phase:
            self._phase, self._began, self._drawn = phase, now, 0.0
        finished = done >= total
        if not finished and (not self.live or now - self._drawn < self.INTERVAL_S):
            return
        self._drawn = now
        line = self._line(done, total, now - self._began)
        self.stream.write(f"\r{line}\033[K" if self.live else line)
        if finished:
            self.stream.write("\n")
            self._phase = ""
        self.stream.flush()

    def close(self) -> None:
        """Leaves an unfinished line, so that a message starts on one of its own."""
        if self.live and self._phase:
            self.stream.write("\n")
        self._phase = ""

    def _line(self, done: int, total: int, seconds: float) -> str:
        filled = round(self.WIDTH * done / max(total, 1))
        bar = "#" * filled + "-" * (self.WIDTH - filled)
        rate = done / seconds if seconds > 0 else 0.0
        left = f", {(total - done) / rate:.0f} s left" if rate and done < total else ""
        took = f", {seconds:.1f} s" if done >= total else ""
        unit = self.unit
        return f"{self._phase:>9} [{bar}] {done}/{total} {unit}, {rate:.1f} {unit}/s{left}{took}"
