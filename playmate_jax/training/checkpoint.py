"""Checkpoints: state, step, seed, data position and configuration in one orbax directory per step.

A save is atomic (orbax writes beside and renames) and asynchronous: training goes on while it is
written. A killed process leaves the previous good one, and a damaged newest one is set aside for
the one before. Arrays are saved whole, whatever the devices that hold their parts, and restored
onto any number of devices.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils
from orbax.checkpoint.checkpoint_managers import (
    AnyPreservationPolicy,
    BestN,
    EveryNSteps,
    LatestN,
    PreservationPolicy,
)

from playmate_jax.errors import UserError
from playmate_jax.parallel.mesh import path_name
from playmate_jax.training.stage import State

About = dict[str, Any]


class Checkpoints:
    """The checkpoints of one run, under `workdir/checkpoints`.

    Args:
      keep: that many of the newest stay.
      every: those at multiples of this step stay for good; 0: none.
      best: and the one where this metric of an evaluation was smallest; "": none.
    """

    def __init__(self, workdir: Path, keep: int = 2, every: int = 0, best: str = ""):
        self.workdir = Path(workdir).absolute()
        self.path = self.workdir / "checkpoints"
        stays: list[PreservationPolicy] = [LatestN(keep)]
        if every:
            stays.append(EveryNSteps(every))
        if best:
            # orbax keeps the last of an ascending order
            rank = BestN(
                get_metric_fn=lambda metrics: -metrics.get(best, np.inf),
                n=1,
                keep_checkpoints_without_metrics=False,
            )
            stays.append(rank)
        self._manager = ocp.CheckpointManager(
            self.path,
            item_handlers={
                # Random floats do not shrink, and zstd takes longer than the disk.
                "state": ocp.PyTreeCheckpointHandler(use_compression=False),
                "about": ocp.JsonCheckpointHandler(),
            },
            options=ocp.CheckpointManagerOptions(
                preservation_policy=AnyPreservationPolicy(stays),
                create=True,
                cleanup_tmp_directories=True,
            ),
        )

    def save(
        self, step: int, state: State, about: Mapping[str, Any], metrics: Mapping[str, float]
    ) -> None:
        """Begins to save; a step already on disk is left alone.

        Args:
          metrics: of an evaluation at this step; may be empty.
        """
        if step in self._manager.all_steps():
            return
        about = dict(about, arrays=arrays_of(state))
        json.dumps(about)  # fails here, with the offending value, rather than inside a thread
        if jax.default_backend() == "cpu":
            # There a host copy may share the buffer that the next step overwrites (donation).
            state = jax.tree.map(jnp.copy, state)
        self._manager.save(
            step,
            metrics=dict(metrics) or None,
            args=ocp.args.Composite(
                state=ocp.args.PyTreeSave(state), about=ocp.args.JsonSave(about)
            ),
        )

    def newest(
        self, like: State, accept: Callable[[About], None] = lambda about: None
    ) -> tuple[int, State, About] | None:
        """The newest checkpoint that can be read: its step, its state, and what was saved about it.
        Damaged ones are moved to `workdir/damaged` and reported.

        Args:
          like: shapes with shardings of the state.
          accept: raises UserError for a checkpoint of another run.

        Raises:
          UserError: there are checkpoints and none can be read, or one of another model.
        """
        damaged = 0
        while (step := self._manager.latest_step()) is not None:
            about, reason = self._attempt(lambda: self._about(step))
            if about is not None:
                accept(about)
                _check_arrays(about.get("arrays"), arrays_of(like), self.path)
                state, reason = self._attempt(lambda: self._state(step, like))
                if state is not None:
                    return step, state, about
            damaged += 1
            self._set_aside(step, reason)
        if damaged:
            raise UserError(
                f"expected a checkpoint that can be read in {self.path}, found all {damaged} "
                "damaged: take a new workdir, or restore them from a copy"
            )
        return None

    def _about(self, step: int) -> About:
        args = ocp.args.Composite(about=ocp.args.JsonRestore())
        return dict(self._manager.restore(step, args=args)["about"])

    def _state(self, step: int, like: State) -> State:
        where = ocp.checkpoint_utils.construct_restore_args(like)
        args = ocp.args.Composite(state=ocp.args.PyTreeRestore(like, restore_args=where))
        return self._manager.restore(step, args=args)["state"]

    def _attempt(self, read: Callable[[], Any]) -> tuple[Any, str]:
        """What `read` gives, or None and the reason; the same on all processes."""
        try:
            found, reason = read(), ""
        except Exception as error:  # orbax, tensorstore and JSON each have errors of their own
            found, reason = None, f"{type(error).__name__}: {str(error).splitlines()[0][:160]}"
        if jax.process_count() > 1:
            fine = np.all(multihost_utils.process_allgather(np.bool_(found is not None)))
            return (found, "") if fine else (None, reason or "another process could not read it")
        return found, reason

    def _set_aside(self, step: int, reason: str) -> None:
        if jax.process_index() == 0:
            print(
                f"the checkpoint of step {step} is damaged ({reason}): it goes to "
                f"{self.workdir / 'damaged'}, and the one before is taken",
                file=sys.stderr,
            )
            (self.workdir / "damaged").mkdir(exist_ok=True)
            there = self.workdir / "damaged" / str(step)
            shutil.rmtree(there, ignore_errors=True)
            (self.path / str(step)).rename(there)
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices(f"checkpoint {step} set aside")
        self._manager.reload()

    def close(self) -> None:
        """Waits until everything is written, and releases the folder."""
        self._manager.wait_until_finished()
        self._manager.close()


def arrays_of(state: Any) -> dict[str, Any]:
    """The name of each array of a state, with its shape and type as text: "float32[512,70]"."""
    return {
        path_name(path): f"{leaf.dtype}[{','.join(map(str, leaf.shape))}]"
        for path, leaf in jax.tree_util.tree_leaves_with_path(state)
    }


def _check_arrays(saved: Mapping[str, str] | None, wanted: Mapping[str, str], path: Path) -> None:
    """Refuses a checkpoint of another model, and shows both sides."""
    if saved == wanted:
        return
    saved = saved or {}
    lines = [f"+ {name} {saved[name]} (only in the checkpoint)" for name in saved.keys() - wanted]
    lines += [f"- {name} {wanted[name]} (only in the model)" for name in wanted.keys() - saved]
    both = [name for name in wanted if name in saved and saved[name] != wanted[name]]
    lines += [f"! {name} {saved[name]} in the checkpoint, {wanted[name]} here" for name in both]
    raise UserError(
        "\n".join(
            [
                f"expected checkpoints of this model in {path}, found those of another model or "
                "version: use its configuration, or take a new workdir",
                *sorted(lines),
            ]
        )
    )
