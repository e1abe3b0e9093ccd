"""A step whose numbers are not finite: what is kept of it, and running it again.

Kept in `workdir/failed`: the state before the step, every process's rows of its batch, its number
and seed. `replay` runs it again and names the metrics, parameters, gradients and inputs that are
not finite.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from playmate_jax.errors import UserError
from playmate_jax.parallel.executors import Executor, MeshExecutor
from playmate_jax.parallel.mesh import device_mesh, path_name
from playmate_jax.parallel.share import Share
from playmate_jax.training.checkpoint import Checkpoints
from playmate_jax.training.stage import Stage
from playmate_jax.training.update import key_of_step, keys

FOLDER = "failed"


def keep(
    workdir: Path,
    executor: Executor,
    state: Any,
    batch: Mapping[str, np.ndarray],
    about: Mapping[str, Any],
) -> Path:
    """Writes what `replay` needs, in place of what an earlier failure left.

    Args:
      batch: this process's rows.
      about: with the step's number ("step") and the run's "seed".
    """
    folder = workdir / FOLDER
    if jax.process_index() == 0:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    checkpoints = Checkpoints(folder)  # waits for all processes
    np.savez(folder / f"batch_{jax.process_index()}.npz", **batch)  # type: ignore[arg-type]
    checkpoints.save(about["step"], executor.saved(state), about, {})
    checkpoints.close()
    return folder


@dataclasses.dataclass(frozen=True)
class _Recording(Share):
    """A share of the whole batch that remembers the gradients it gave."""

    found: list[Any] = dataclasses.field(default_factory=list)

    def gradients(self, *args: Any) -> Any:
        gradients, metrics = super().gradients(*args)
        self.found.append(gradients)
        return gradients, metrics


def replay(stage: Stage, workdir: Path) -> list[str]:
    """Runs the step that failed in `workdir` again, on one device.

    Returns:
      one line for each metric, gradient, parameter and input that is not finite.

    Raises:
      UserError: no step failed there.
    """
    folder = workdir / FOLDER
    if not folder.is_dir():
        raise UserError(
            f"expected the step that failed in {folder}, found none: --replay is for a run that "
            "ended with numbers that are not finite"
        )
    one = MeshExecutor(device_mesh(jax.local_devices()[:1]))
    shapes = jax.eval_shape(stage.init, jax.random.key(0))
    where = one.shardings(shapes)
    like = jax.tree.map(
        lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), shapes, where
    )
    checkpoints = Checkpoints(folder)
    found = checkpoints.newest(like)
    checkpoints.close()
    if found is None:
        raise UserError(f"expected a state in {folder}, found none: the run was killed too early")
    number, state, about = found
    parts = [np.load(path) for path in sorted(folder.glob("batch_*.npz"))]
    batch = {name: np.concatenate([part[name] for part in parts]) for name in parts[0].files}

    def step(state: Any, batch: Any) -> tuple[Any, Any]:
        share = _Recording()
        key = key_of_step(keys(about["seed"])[1], number)
        _, metrics = stage.step(state, batch, key, share)
        return metrics, dict(enumerate(share.found))

    metrics, gradients = jax.jit(step)(state, batch)
    lines = [f"step {number + 1}, seed {about['seed']}, {_rows(batch)} rows"]
    for kind, tree in (
        ("metric", metrics), ("gradient", gradients), ("state", state), ("input", batch),
    ):  # fmt: skip
        lines += [f"{kind} {line}" for line in _not_finite(tree)]
    if len(lines) == 1:
        lines.append("every number is finite here: the failure does not repeat on one device")
    return lines


def _rows(batch: Mapping[str, np.ndarray]) -> int:
    return len(next(iter(batch.values())))


def _not_finite(tree: Any) -> list[str]:
    lines = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        values = np.asarray(leaf)
        if np.issubdtype(values.dtype, np.floating) and (bad := ~np.isfinite(values)).any():
            first = tuple(int(i) for i in np.argwhere(bad)[0])
            lines.append(
                f"{path_name(path)}: {bad.sum()} of {bad.size} not finite, first at {first}"
            )
    return lines
