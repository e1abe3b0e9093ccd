"""What a run reports: metrics.jsonl, TensorBoard's scalars, and a line of progress.

Both files lie in the run's folder. A row of metrics.jsonl is {"step", one number a metric} and,
for training steps, "steps_per_s", "eta_min" and "unix_s".
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter


class RunLog:
    """The reports of one run; use it in a `with` block, which ends TensorBoard's file.

    Args:
      start: the step that the run resumes from; reports of later steps are deleted, as these are
        run again.
      total: the step at which it ends.
      quiet: no line of progress.
    """

    def __init__(self, workdir: Path, name: str, start: int, total: int, quiet: bool):
        self.name, self.total, self.quiet = name, total, quiet
        self.path = workdir / "metrics.jsonl"
        if self.path.exists():
            kept = [x for x in self.path.read_text().splitlines() if json.loads(x)["step"] <= start]
            self.path.write_text("".join(x + "\n" for x in kept))
        # TensorBoard itself hides what lies at `purge_step` and later in the files before this one.
        # A name per start: two runs within a second would write into one file.
        self._board = SummaryWriter(
            str(workdir), purge_step=start + 1, filename_suffix=f".{start:09d}"
        )
        self._clock, self._clock_step = time.monotonic(), start

    def record(self, step: int, values: Mapping[str, float], **more: float) -> None:
        """Metrics at a step; `more` goes into metrics.jsonl alone."""
        row = dict(step=step, **{k: float(v) for k, v in values.items()}, **more)
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        for name, value in values.items():
            self._board.add_scalar(name, float(value), step)
        if not self.quiet:
            text = "  ".join(f"{k} {float(v):.4g}" for k, v in values.items())
            print(f"{self.name} {step}/{self.total}  {text}", file=sys.stderr, flush=True)

    def steps(self, step: int, metrics: Mapping[str, float]) -> None:
        """Mean metrics of the training steps since the last report, and how fast they went."""
        seconds = max(time.monotonic() - self._clock, 1e-9)
        rate = (step - self._clock_step) / seconds
        minutes = (self.total - step) / rate / 60
        self.record(
            step,
            metrics,
            steps_per_s=round(rate, 4),
            eta_min=round(minutes, 2),
            unix_s=round(time.time(), 1),
        )
        if not self.quiet:
            print(f"  {rate:.2f} steps/s, {minutes:.1f} min left", file=sys.stderr, flush=True)
        self.forget_clock(step)

    def forget_clock(self, step: int) -> None:
        """Restarts the clock, so that evaluations and saves do not count as slow steps."""
        self._clock, self._clock_step = time.monotonic(), step

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *error: Any) -> None:
        self._board.close()
