"""The progress bar: one line on standard error per phase, with its rate."""

import sys
import time


class ProgressBar:
    """A callable `(phase, done, total)`; on a terminal live, elsewhere one line a phase.

    Args:
      unit: what is counted.
      often_s: where there is no terminal, also a line that often; None: only at a phase's end.
    """

    WIDTH = 28
    INTERVAL_S = 0.1

    def __init__(self, stream=None, unit: str = "frames", often_s: float | None = None):
        self.unit, self.stream = unit, stream or sys.stderr
        self.live = self.stream.isatty()
        self._every_s = self.INTERVAL_S if self.live else often_s
        self._phase, self._began, self._drawn = "", 0.0, 0.0

    def __call__(self, phase: str, done: int, total: int, before: int = 0, note: str = "") -> None:
        """Tells how far a phase is.

        Args:
          before: how many of those done took no time: an earlier run did them.
          note: what else there is to tell.
        """
        now = time.perf_counter()
        if phase != self._phase:
            self._phase, self._began, self._drawn = phase, now, 0.0 if self.live else now
        finished = done >= total
        if not finished and (self._every_s is None or now - self._drawn < self._every_s):
            return
        self._drawn = now
        line = self._line(done, total, now - self._began, before) + (note and f"; {note}")
        self.stream.write(f"\r{line}\033[K" if self.live else line)
        if finished or not self.live:
            self.stream.write("\n")
        if finished:
            self._phase = ""
        self.stream.flush()

    def close(self) -> None:
        """Leaves an unfinished line, so that a message starts on one of its own."""
        if self.live and self._phase:
            self.stream.write("\n")
        self._phase = ""

    def _line(self, done: int, total: int, seconds: float, before: int) -> str:
        filled = round(self.WIDTH * done / max(total, 1))
        bar = "#" * filled + "-" * (self.WIDTH - filled)
        rate = (done - before) / seconds if seconds > 0 else 0.0
        left = f", {span((total - done) / rate)} left" if rate and done < total else ""
        took = f", {seconds:.1f} s" if done >= total else ""
        unit = self.unit
        return f"{self._phase:>9} [{bar}] {done}/{total} {unit}, {rate:.1f} {unit}/s{left}{took}"


def span(seconds: float) -> str:
    """So much time, in the unit that fits it."""
    for unit, size, digits in (("days", 86400, 1), ("h", 3600, 1), ("min", 60, 0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} s"
