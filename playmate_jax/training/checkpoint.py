"""Checkpoints: state, step, seed, data position and configuration in one orbax directory per step.

A save is atomic (orbax writes beside and renames); a killed process leaves the previous good one.
On CPU the save is waited for: there an array's host copy may share the buffer that the next step
is about to overwrite (donation).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from playmate_jax.training.stage import State


class Checkpoints:
    """The checkpoints of one run, under `workdir/checkpoints`."""

    def __init__(self, workdir: Path, keep: int = 3):
        self.path = Path(workdir).absolute() / "checkpoints"
        self._manager = ocp.CheckpointManager(
            self.path,
            options=ocp.CheckpointManagerOptions(
                max_to_keep=keep, create=True, cleanup_tmp_directories=True
            ),
        )

    def latest(self) -> int | None:
        """The newest step that was saved whole, or None."""
        return self._manager.latest_step()

    def save(self, step: int, state: State, about: Mapping[str, Any]) -> None:
        """Saves once per step; a step already on disk is left alone."""
        if step in self._manager.all_steps():
            return
        json.dumps(about)  # fails here, with the offending value, rather than inside a thread
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state), about=ocp.args.JsonSave(dict(about))
            ),
        )
        if jax.default_backend() == "cpu":
            self._manager.wait_until_finished()

    def restore(self, step: int, like: State) -> tuple[State, dict[str, Any]]:
        """The state at `step`, placed as `like` (shapes with shardings), and what was saved about
        it."""
        restored = self._manager.restore(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardRestore(like), about=ocp.args.JsonRestore()
            ),
        )
        return restored["state"], restored["about"]

    def close(self) -> None:
        """Waits until everything is written, and releases the folder."""
        self._manager.wait_until_finished()
        self._manager.close()
