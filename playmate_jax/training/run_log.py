"""What a run reports: metrics.jsonl, TensorBoard's scalars, and a line of progress.

Both files lie in the run's folder. A row of metrics.jsonl is {"step", one number a metric} and,
for training steps, the speed ("steps_per_s", "frames_per_s", "eta_min"), "unix_s", and the run's
"seconds" by part (training/goodput.py). Process 0 writes them; on others `RunLog` does nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import jax
from tensorboardX import SummaryWriter

from playmate_jax.training.goodput import Goodput


@runtime_checkable
class Board(Protocol):
    """Where scalars are shown: TensorBoard's writer, or one with its interface."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """A number of a step."""

    def close(self) -> None:
        """Writes what is left and ends."""


class RunLog:
    """The reports of one run; use it in a `with` block, which ends TensorBoard's file.

    Args:
      start: the step that the run resumes from; reports of later steps are deleted, as these are
        run again.
      total: the step at which it ends.
      goodput: the clock of the run.
      frames: video frames in a batch; 0: unknown.
      quiet: no line of progress.
      boards: further places for scalars.
    """

    def __init__(
        self,
        workdir: Path,
        name: str,
        start: int,
        total: int,
        *,
        goodput: Goodput,
        frames: int = 0,
        quiet: bool = False,
        boards: tuple[Board, ...] = (),
    ):
        self.name, self.total, self.goodput, self.frames = name, total, goodput, frames
        self.path = workdir / "metrics.jsonl"
        self.active = jax.process_index() == 0
        self.quiet = quiet or not self.active
        self._boards: list[Board] = []
        if self.active:
            self._keep_until(start)
            # TensorBoard itself hides what lies at `purge_step` and later in the files before this
            # one. A name per start: two runs within a second would write into one file.
            suffix = f".{start:09d}"
            board = SummaryWriter(str(workdir), purge_step=start + 1, filename_suffix=suffix)
            self._boards = [board, *boards]
        seconds = goodput.seconds()
        self._clock_step, self._clock = start, seconds["steps"] + seconds["data"]

    def _keep_until(self, start: int) -> None:
        """Deletes rows of later steps, whose time is lost, and a row that was half written."""
        if not self.path.exists():
            return
        rows = rows_of(self.path)
        kept = [row for row in rows if row["step"] <= start]
        if undone := [row["seconds"]["all"] for row in rows[len(kept) :] if "seconds" in row]:
            self.goodput.lose(undone[-1] - self.goodput.before)
        new = self.path.with_suffix(".new")
        new.write_text("".join(json.dumps(row) + "\n" for row in kept))
        os.replace(new, self.path)

    def record(self, step: int, values: Mapping[str, float], **more: Any) -> None:
        """Metrics at a step; `more` goes into metrics.jsonl alone."""
        if not self.active:
            return
        row = dict(step=step, **{k: float(v) for k, v in values.items()}, **more)
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        for name, value in values.items():
            for board in self._boards:
                board.add_scalar(name, float(value), step)
        if not self.quiet:
            text = "  ".join(f"{k} {float(v):.4g}" for k, v in values.items())
            print(f"{self.name} {step}/{self.total}  {text}", file=sys.stderr, flush=True)

    def steps(self, step: int, metrics: Mapping[str, float], flops_rate: float = 0.0) -> None:
        """Mean metrics of the training steps since the last report, and how fast they went.

        Args:
          flops_rate: FLOPs of a step over the FLOP/s that all devices could do at most; 0: unknown.
        """
        seconds = self.goodput.seconds()
        training = seconds["steps"] + seconds["data"]  # not compilation, evaluations and saves
        rate = (step - self._clock_step) / max(training - self._clock, 1e-9)
        self._clock_step, self._clock = step, training
        minutes = (self.total - step) / rate / 60
        speed = {"steps_per_s": round(rate, 4), "eta_min": round(minutes, 2)}
        speed |= {"frames_per_s": round(rate * self.frames, 1)} if self.frames else {}
        speed |= {"mfu": round(rate * flops_rate, 4)} if flops_rate else {}
        self.record(step, metrics, **speed, unix_s=round(time.time(), 1), seconds=seconds)
        if not self.quiet:
            mfu = f", MFU {100 * rate * flops_rate:.1f} %" if flops_rate else ""
            print(
                f"  {rate:.2f} steps/s{mfu}, {minutes:.1f} min left; {self.goodput.line()}",
                file=sys.stderr,
                flush=True,
            )

    def say(self, text: str) -> None:
        """Prints a line for people, on process 0."""
        if not self.quiet:
            print(f"{self.name}  {text}", file=sys.stderr, flush=True)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *error: Any) -> None:
        for board in self._boards:
            board.close()


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics.jsonl; a line that a kill tore is left out."""
    rows = []
    for line in path.read_text(errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict) and "step" in row:
                rows.append(row)
    return rows
