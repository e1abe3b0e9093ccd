"""Where a run's time goes: the share spent in steps that count, and what the rest was.

A part of the time is "compile", "data" (waiting for a batch), "evaluation", "save" or "lost" (steps
that a kill undid); all other time is steps. The seconds travel in the checkpoint, so they are those
of the whole run, over all its interruptions.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping

PARTS = ("compile", "data", "evaluation", "save", "lost")


class Goodput:
    """Seconds by part, and in all.

    Args:
      before: the `seconds()` of the run so far.

    Attributes:
      before: seconds that the run had taken when this process took it over.
    """

    def __init__(self, before: Mapping[str, float] | None = None):
        before = before or {}
        self._parts = {part: float(before.get(part, 0.0)) for part in PARTS}
        self.before = float(before.get("all", 0.0))
        self._start = time.monotonic() - self.before

    @contextlib.contextmanager
    def spent(self, part: str) -> Iterator[None]:
        """Counts the time inside the `with` block for a part."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.add(part, time.monotonic() - start)

    def add(self, part: str, seconds: float) -> None:
        """Counts seconds that have passed already for a part."""
        self._parts[part] += seconds

    def lose(self, seconds: float) -> None:
        """Counts seconds of an earlier process whose steps have to be run again."""
        self._parts["lost"] += max(seconds, 0.0)
        self._start -= max(seconds, 0.0)

    def seconds(self) -> dict[str, float]:
        """Seconds of each part, "steps" and "all"."""
        whole = time.monotonic() - self._start
        steps = max(whole - sum(self._parts.values()), 0.0)
        return {k: round(v, 3) for k, v in {**self._parts, "steps": steps, "all": whole}.items()}

    def share(self) -> float:
        """The goodput: the share of all time that was spent in steps that count, 0 to 1."""
        seconds = self.seconds()
        return seconds["steps"] / max(seconds["all"], 1e-9)

    def line(self) -> str:
        """One line for people: "goodput 96.4 % of 12.3 min; compile 2.1 %, data 0.3 %, ..."."""
        seconds = self.seconds()
        whole = max(seconds["all"], 1e-9)
        rest = ", ".join(f"{part} {100 * seconds[part] / whole:.1f} %" for part in PARTS)
        return f"goodput {100 * self.share():.1f} % of {whole / 60:.1f} min; {rest}"
