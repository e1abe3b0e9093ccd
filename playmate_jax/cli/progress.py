"""Progress on standard error, by tqdm: a live bar on a terminal, elsewhere a line a phase."""

import sys
import time
from typing import Any

_FORMAT = "{desc:>9} [{bar:28}] {n_fmt}/{total_fmt} {unit}, {speed:.1f} {unit}/s{left}{note}"


class ProgressBar:
    """A callable `(phase, done, total)`; every phase has a bar of its own.

    Args:
      unit: what is counted.
      often_s: where there is no terminal, also a line that often; None: only at a phase's end.
    """

    INTERVAL_S = 0.1

    def __init__(self, stream=None, unit: str = "frames", often_s: float | None = None):
        self.unit, self.stream = unit, stream or sys.stderr
        self.live = self.stream.isatty()
        self._often_s = often_s
        self._phase, self._drawn = "", 0.0
        self._bar: Any = None

    def __call__(self, phase: str, done: int, total: int, before: int = 0, note: str = "") -> None:
        """Reports how far a phase is.

        Args:
          before: how many of those done were done by an earlier run, and took no time.
          note: a remark at the end of the line.
        """
        if phase != self._phase or self._bar is None:
            self._begin(phase, total, before)
        self._bar.n, self._bar.total, self._bar.unit = done, total, self.unit
        self._bar.note = note and f"; {note}"
        now = time.perf_counter()
        often = self.INTERVAL_S if self.live else self._often_s
        if done >= total:
            self._end()
        elif often is not None and now - self._drawn >= often:
            self._drawn = now
            self._draw()

    def close(self) -> None:
        """Leaves an unfinished bar, so that a message starts on a line of its own."""
        if self._bar is not None and self.live:
            self._bar.close()
        self._phase, self._bar = "", None

    def _begin(self, phase: str, total: int, before: int) -> None:
        self.close()
        self._phase, self._bar = phase, _bar(self, phase, total, before)
        self._drawn = 0.0 if self.live else time.perf_counter()

    def _draw(self) -> None:
        if self.live:
            self._bar.refresh()
        else:
            print(self._bar, file=self.stream, flush=True)

    def _end(self) -> None:
        if not self.live:
            self._draw()
        self.close()


def _bar(progress: ProgressBar, phase: str, total: int, before: int) -> Any:
    """tqdm's bar with our line."""
    from tqdm import tqdm  # on first use: the command line's help does without

    class Bar(tqdm):
        note = ""
        monitor_interval = 0  # no thread beside ours: bars are drawn when there is something new

        @property
        def format_dict(self) -> dict[str, Any]:
            known = super().format_dict
            seconds, done = known["elapsed"], known["n"] - known["initial"]
            speed = done / seconds if seconds > 0 else 0.0
            missing = known["total"] - known["n"]
            left = f", {span(missing / speed)} left" if speed and missing > 0 else ""
            took = f", {seconds:.1f} s" if missing <= 0 else ""
            return known | {"speed": speed, "left": left + took, "note": self.note}

    # what was never drawn is not drawn at its end either: without a terminal, print(bar) is all
    delay = 1e-9 if progress.live else 1e9
    return Bar(
        total=total, desc=phase, initial=before, unit=progress.unit, ascii="-#", delay=delay,
        file=progress.stream, dynamic_ncols=True, bar_format=_FORMAT,
    )  # fmt: skip


def span(seconds: float) -> str:
    """So much time, in the unit that fits it."""
    for unit, size, digits in (("days", 86400, 1), ("h", 3600, 1), ("min", 60, 0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} s"
