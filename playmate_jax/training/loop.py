"""The training loop of every stage: mesh, data, restore, steps, evals, checkpoints.

`train(stage, workdir, total_steps)` continues whatever `workdir` holds: a run that was stopped and
resumed ends bit for bit where an uninterrupted one does (tests/training/test_loop.py), because the
key and the batch of step n depend on (seed, n) alone and the state is saved whole. A changed
configuration (more steps stretch the learning rate's schedule) is allowed, and reported. Written
into `workdir`: checkpoints/, metrics.jsonl and the same for TensorBoard.
"""

from __future__ import annotations

import dataclasses
import json
import math
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, runtime_checkable

import jax
import numpy as np
from jax.sharding import Mesh

from playmate_jax.configuration import differences
from playmate_jax.errors import UserError
from playmate_jax.parallel.mesh import data_mesh, place_batch, replicated
from playmate_jax.parallel.share import ALONE
from playmate_jax.training.checkpoint import Checkpoints
from playmate_jax.training.run_log import RunLog
from playmate_jax.training.stage import Batch, Metrics, Stage, State


@dataclasses.dataclass(frozen=True)
class LoopConfig:
    """How often the loop reports, evaluates and saves, in steps or minutes; zero turns an interval
    off. `keep` checkpoints stay, the newest."""

    log_every: int = 50
    eval_every: int = 0
    checkpoint_minutes: float = 3.0
    checkpoint_every: int = 0
    keep: int = 2


@dataclasses.dataclass(frozen=True)
class Trained(Generic[State]):
    """Where a run ended: its state after `step` steps, and whether a signal ended it early."""

    state: State
    step: int
    interrupted: bool


@runtime_checkable
class Positioned(Protocol):
    """Batches whose position travels in the checkpoint, such as data/batches.py's."""

    def get_state(self) -> dict[str, Any]:
        """The position, in plain values."""

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on at a position; raises UserError for one in other data."""


def train(
    stage: Stage[State, Batch],
    workdir: str | Path,
    total_steps: int,
    *,
    seed: int = 0,
    loop: LoopConfig = LoopConfig(),
    mesh: Mesh | None = None,
    quiet: bool = False,
) -> Trained[State]:
    """Runs `stage` up to `total_steps` in `workdir`, resuming what is there.

    SIGTERM and SIGINT save a checkpoint after the running step and return with `interrupted=True`.

    Raises:
        FloatingPointError: a metric was not finite; names the range of steps. Nothing is saved
        from that range.
        UserError: the checkpoint was made with another seed.
    """
    workdir = Path(workdir)
    workdir.mkdir(parents=True, exist_ok=True)

    # ------------------------------------------------------------------ mesh, state
    mesh = mesh or data_mesh()
    everywhere = replicated(mesh)
    key = jax.random.key(seed)
    init = jax.jit(stage.init, out_shardings=everywhere)

    def update(state: State, batch: Batch, step: jax.Array) -> tuple[State, Metrics]:
        return stage.step(state, batch, jax.random.fold_in(key, step), ALONE)

    update = jax.jit(update, donate_argnums=0, out_shardings=(everywhere, everywhere))

    # ------------------------------------------------------------------ restore
    checkpoints = Checkpoints(workdir, loop.keep)
    start = checkpoints.latest() or 0
    about: Mapping[str, Any] = {}
    if start:
        like = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=everywhere),
            jax.eval_shape(stage.init, key),
        )
        state, about = checkpoints.restore(start, like)
        if about["seed"] != seed:
            raise UserError(
                f"expected seed {about['seed']} as in {workdir}, found {seed}: "
                "use it, or a new workdir"
            )
        changed = differences(about["config"], json.loads(json.dumps(dict(stage.description))))
        if changed and not quiet:
            print(
                f"{stage.name} {start}/{total_steps}  goes on with another configuration, so not "
                f"as an uninterrupted run would: {'; '.join(changed)}",
                file=sys.stderr,
            )
    else:
        state = init(key)

    # ------------------------------------------------------------------ data
    batches = stage.batches(seed, start)
    if about.get("data") is not None:
        if not isinstance(batches, Positioned):
            raise UserError(
                f"expected the data that {workdir} began with, found data without a position: "
                "use the same, or a new workdir"
            )
        batches.set_state(about["data"])

    def save(step: int) -> None:
        position = batches.get_state() if isinstance(batches, Positioned) else None
        checkpoints.save(
            step,
            state,
            dict(
                stage=stage.name,
                step=step,
                total_steps=total_steps,
                seed=seed,
                data=position,
                config=dict(stage.description),
            ),
        )

    # ------------------------------------------------------------------ loop
    log = RunLog(workdir, stage.name, start, total_steps, quiet)
    pending: list[Metrics] = []
    step, last_logged, saved_at, interrupted = start, start, time.monotonic(), False
    with log, _StopSignals() as stop:
        while step < total_steps:
            state, metrics = update(state, place_batch(mesh, next(batches)), np.int32(step))
            pending.append(metrics)
            step += 1
            interrupted = bool(stop) and step < total_steps
            due_save = (
                interrupted
                or step == total_steps
                or (loop.checkpoint_every and step % loop.checkpoint_every == 0)
                or (
                    loop.checkpoint_minutes
                    and time.monotonic() - saved_at > 60 * loop.checkpoint_minutes
                )
            )
            due_eval = bool(stage.evals) and (
                step == total_steps or (loop.eval_every and step % loop.eval_every == 0)
            )
            if due_save or due_eval or step - last_logged >= loop.log_every:
                log.steps(step, _mean(pending, last_logged, step))
                pending, last_logged = [], step
            if due_save:
                save(step)
                saved_at = time.monotonic()
            if due_eval and not interrupted:
                for name, evaluate in stage.evals.items():
                    log.record(step, {f"{name}/{k}": v for k, v in evaluate(state).items()})
                log.forget_clock(step)
            if interrupted:
                break
    if hasattr(batches, "close"):
        batches.close()
    checkpoints.close()
    return Trained(state, step, interrupted)


def _mean(pending: list[Metrics], first: int, last: int) -> dict[str, float]:
    """Means over the steps since the last look; a metric that is not finite stops the run."""
    rows = jax.device_get(pending)
    means = {k: float(np.mean([row[k] for row in rows])) for k in rows[0]}
    bad = [k for k, v in means.items() if not math.isfinite(v)]
    if bad:
        raise FloatingPointError(f"{', '.join(bad)} not finite in steps {first + 1}..{last}")
    return means


class _StopSignals:
    """Truthy after SIGTERM or SIGINT; restores the old handlers. Inert outside the main thread."""

    def __enter__(self) -> _StopSignals:
        self._seen = False
        self._old: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._old[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame: Any) -> None:
        self._seen = True

    def __bool__(self) -> bool:
        return self._seen

    def __exit__(self, *error: Any) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)
