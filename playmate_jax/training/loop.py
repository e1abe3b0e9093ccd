"""The training loop of every stage: data, restore, steps, evaluations, checkpoints.

`train(stage, workdir, total_steps)` continues whatever `workdir` holds: a run that was stopped and
resumed ends bit for bit where an uninterrupted one does (tests/training/test_loop.py), because the
key and the batch of step n depend on (seed, n) alone and the state is saved whole. A changed
configuration (more steps stretch the learning rate's schedule) is allowed, and reported. Written
into `workdir`: checkpoints/, metrics.jsonl and the same for TensorBoard.

The same code runs on one device, many, and many processes: every decision (save, evaluate, stop)
follows from the step's number or from requests that all processes read alike.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.configuration import differences
from playmate_jax.errors import UserError
from playmate_jax.parallel.distributed import agreed
from playmate_jax.parallel.executors import Executor, MeshExecutor
from playmate_jax.parallel.workdir_lock import locked
from playmate_jax.training import failure
from playmate_jax.training.checkpoint import About, Checkpoints
from playmate_jax.training.goodput import Goodput
from playmate_jax.training.profile import Profile
from playmate_jax.training.requests import SAVE, STOP, Requests, Stopped
from playmate_jax.training.run_log import Board, RunLog
from playmate_jax.training.stage import Batch, Stage, State
from playmate_jax.training.start import check_built_on
from playmate_jax.training.stop import StopSignals
from playmate_jax.training.tables import parameter_table
from playmate_jax.training.update import NEVER, Carry, Outputs, keys, update_of
from playmate_jax.training.watchdog import Watchdog

COMPILE_MINUTES = 60.0  # the watchdog's limit while the step is compiled
SLOW_STEP_S = 0.5  # slower steps are started one at a time


@dataclasses.dataclass(frozen=True)
class LoopConfig:
    """How often the loop reports, evaluates and saves, in steps or minutes; zero turns an interval
    off.

    Attributes:
      keep, keep_every, best: checkpoints that stay: that many of the newest, those at multiples of
        `keep_every`, and the one where this metric of an evaluation ("held_out/loss") was smallest.
      watchdog_minutes: a run in which no step ends for so long shows where it hangs and exits.
    """

    log_every: int = 50
    eval_every: int = 0
    checkpoint_minutes: float = 3.0
    checkpoint_every: int = 0
    keep: int = 2
    keep_every: int = 0
    best: str = ""
    watchdog_minutes: float = 20.0


@dataclasses.dataclass(frozen=True)
class Trained(Generic[State]):
    """Where a run ended: its state (on one device) after `step` steps, and whether a signal ended
    it early."""

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
    executor: Executor | None = None,
    quiet: bool = False,
    profile: tuple[int, int] | None = None,
    peak_flops: float = 0.0,
    boards: tuple[Board, ...] = (),
) -> Trained[State]:
    """Runs `stage` up to `total_steps` in `workdir`, resuming what is there.

    SIGTERM and SIGINT, to any process, save a checkpoint after the running step and return with
    `interrupted=True`; an evaluation is given up. While the step is compiled, they end the process.

    Args:
      profile: first and last step that JAX's profiler records, into `workdir`.
      peak_flops: FLOP/s of all devices together, for the utilisation that is logged.
      boards: further places for scalars.

    Raises:
      FloatingPointError: a metric was not finite; names the step. Nothing of it is saved, but what
        is needed to run it again (training/failure.py).
      UserError: the checkpoint was made with another seed or model; another run uses `workdir`.
    """
    workdir = Path(workdir).absolute()
    workdir.mkdir(parents=True, exist_ok=True)
    executor = executor or MeshExecutor()
    with contextlib.ExitStack() as stack:
        agreed(lambda: stack.enter_context(locked(workdir)))
        checkpoints = Checkpoints(workdir, loop.keep, loop.keep_every, loop.best)
        stack.callback(checkpoints.close)

        # -------------------------------------------------------------- state
        init_key, step_key = keys(seed)
        start, state, about = _restored(checkpoints, stage, executor, seed)
        goodput = Goodput(about.get("seconds"))
        log = RunLog(
            workdir, stage.name, start, total_steps,
            goodput=goodput, frames=stage.frames, quiet=quiet, boards=boards,
        )  # fmt: skip
        stack.enter_context(log)
        if start:
            _say_changes(log, about, stage, total_steps)
        else:
            with goodput.spent("compile"):
                state = executor.initial(stage.init, init_key)
        never = executor.initial(lambda key: {"failed_at": jnp.int32(NEVER)}, init_key)
        carry = Carry(state, never["failed_at"])
        del state
        log.say("parameters and optimiser:\n" + parameter_table(carry.state))
        for note in stage.notes:
            log.say(note)

        # -------------------------------------------------------------- data
        batches = stack.enter_context(closing(stage.batches(seed, start)))
        if about.get("data") is not None:
            if not isinstance(batches, Positioned):
                raise UserError(
                    f"expected the data that {workdir} began with, found data without a position: "
                    "use the same, or a new workdir"
                )
            batches.set_state(about["data"])

        # -------------------------------------------------------------- what a step may lead to
        run = {"stage": stage.name, "seed": seed, "config": dict(stage.description)}
        watchdog = stack.enter_context(Watchdog(loop.watchdog_minutes))
        stop = stack.enter_context(StopSignals())
        requests = Requests(stop, loop.checkpoint_minutes)
        profiler = stack.enter_context(Profile(workdir, profile, start))
        flops_rate = stage.flops / peak_flops if peak_flops else 0.0
        evaluated = about.get("evaluated", start)
        metrics_of_evaluation: dict[str, float] = {}

        def save(step: int) -> None:
            with goodput.spent("save"):
                about = dict(
                    run, step=step, total_steps=total_steps, data=position,
                    evaluated=evaluated, seconds=goodput.seconds(),
                )  # fmt: skip
                state = executor.saved(carry.state)
                checkpoints.save(step, state, about, metrics_of_evaluation)
                requests.saved()

        def report(step: int, pending: list[Outputs]) -> None:
            rows = jax.device_get(pending)
            if (failed := int(rows[-1].failed_at)) != NEVER:
                with closing(stage.batches(seed, failed)) as again:
                    rows_of_batch: Any = next(again)
                about = dict(run, step=failed)
                folder = failure.keep(workdir, executor, carry.state, rows_of_batch, about)
                bad = rows[failed - step + len(rows)].metrics
                names = ", ".join(k for k, v in bad.items() if not np.isfinite(v))
                raise FloatingPointError(
                    f"{names} not finite in step {failed + 1}; nothing of it was saved. The state "
                    f"before it and its batch are in {folder}: --replay runs it again"
                )
            means = {k: float(np.mean([row.metrics[k] for row in rows])) for k in rows[0].metrics}
            if stage.learning_rate is not None:
                means["learning_rate"] = float(stage.learning_rate(step - 1))
            log.steps(step, means, flops_rate)

        def pause() -> None:
            watchdog.alive()
            requests.pause()

        def evaluate(step: int) -> None:
            nonlocal evaluated
            metrics_of_evaluation.clear()
            with goodput.spent("evaluation"):
                local = executor.local(carry.state)
                for name, evaluation in stage.evals.items():
                    values = evaluation(local, pause)
                    found = {f"{name}/{k}": float(v) for k, v in values.items()}
                    log.record(step, found)
                    metrics_of_evaluation.update(found)
            evaluated = step

        def due(step: int, every: int) -> bool:
            return step == total_steps or bool(every) and step % every == 0

        # -------------------------------------------------------------- steps
        step, interrupted = start, False
        if stage.evals and evaluated < start and due(start, loop.eval_every):
            with contextlib.suppress(Stopped):  # the next step stops
                evaluate(start)
        pending: list[Outputs] = []
        slow = False
        answer: Any = None
        update: Any = None
        position = _position(batches)
        batch = executor.place(next(batches)) if step < total_steps else None
        while step < total_steps:
            mine = requests.mine()
            inputs = (batch, executor.place(_one_a_device(mine)), np.int32(step))
            if update is None:
                with (
                    goodput.spent("compile"),
                    stop.at_once(getattr(batches, "close", lambda: None)),
                    watchdog.within(COMPILE_MINUTES),
                ):
                    update = executor.compiled(update_of(stage, step_key), carry, *inputs)
            began = time.monotonic()
            profiler.before(step)
            carry, outputs = update(carry, *inputs)
            pending.append(outputs)
            step += 1
            position = _position(batches)
            if step < total_steps:  # while the devices work
                with _waiting(goodput, outputs):
                    batch = executor.place(next(batches))
            if len(pending) > 1:
                jax.block_until_ready(pending[-2])  # two steps under way at most
            if slow:  # then one: a signal need not wait for two, and starting a step is nothing
                jax.block_until_ready(outputs)
            slow = time.monotonic() - began > SLOW_STEP_S
            profiler.after(step, outputs)
            watchdog.alive()

            todo = requests.agreed(mine, answer)
            answer = outputs.request
            interrupted = todo == STOP and step < total_steps
            due_eval = bool(stage.evals) and not interrupted and due(step, loop.eval_every)
            due_save = todo in (SAVE, STOP) or due(step, loop.checkpoint_every)
            if due_save or due_eval or len(pending) >= loop.log_every:
                report(step, pending)
                pending = []
            metrics_of_evaluation.clear()
            if due_eval:
                try:
                    evaluate(step)
                except Stopped:
                    interrupted, due_save = True, True
            if due_save or (due_eval and loop.best):
                save(step)
            if interrupted:
                break
        log.say(goodput.line())
        return Trained(executor.local(carry.state), step, interrupted)


def _restored(
    checkpoints: Checkpoints, stage: Stage[State, Batch], executor: Executor, seed: int
) -> tuple[int, Any, About]:
    """Step, state and record of the newest checkpoint; (0, None, {}) where there is none."""

    def accept(about: About) -> None:
        if about["seed"] != seed:
            raise UserError(
                f"expected seed {about['seed']} as in {checkpoints.workdir}, found {seed}: "
                "use it, or a new workdir"
            )
        check_built_on(about["config"], stage.description)

    shapes = jax.eval_shape(stage.init, keys(seed)[0])
    like = jax.tree.map(
        lambda x, where: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=where),
        shapes,
        executor.shardings(shapes),
    )
    found = checkpoints.newest(like, accept)
    if found is None:
        return 0, None, {}
    step, state, about = found
    return step, executor.restored(state), about


def _say_changes(log: RunLog, about: About, stage: Stage[State, Batch], total_steps: int) -> None:
    now = json.loads(json.dumps(dict(stage.description)))
    if changed := differences(about["config"], now):
        log.say(
            f"{about['step']}/{total_steps}  goes on with another configuration, so not "
            f"as an uninterrupted run would: {'; '.join(changed)}"
        )


@contextlib.contextmanager
def closing(batches: Iterator[Batch]) -> Iterator[Iterator[Batch]]:
    """Batches that are closed at the end, if they can be."""
    try:
        yield batches
    finally:
        if hasattr(batches, "close"):
            batches.close()


def _position(batches: Any) -> dict[str, Any] | None:
    return batches.get_state() if isinstance(batches, Positioned) else None


def _one_a_device(request: int) -> np.ndarray:
    return np.full(jax.local_device_count(), request, np.int32)


@contextlib.contextmanager
def _waiting(goodput: Goodput, outputs: Outputs) -> Iterator[None]:
    """Counts the time for a batch as waiting where the devices had nothing left to do at its
    end."""
    before = goodput.seconds()["all"]
    yield
    if outputs.failed_at.is_ready():
        goodput.add("data", goodput.seconds()["all"] - before)
