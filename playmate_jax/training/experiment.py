"""From a file in configs/ to a run: `run_config("configs/demo_stage1.py", "runs/x")`.

A configuration file defines `config()`, which returns a frozen dataclass with `steps: int`,
`seed: int`, `loop: LoopConfig` and a method `stage() -> Stage`. Any field, nested ones too,
can be overridden by its dotted name.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import runpy
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from playmate_jax.configuration import with_overrides
from playmate_jax.errors import UserError
from playmate_jax.hub.bundles import is_weights
from playmate_jax.hub.weights import add_to_card, load_weights
from playmate_jax.parallel.distributed import agreed, is_main
from playmate_jax.parallel.executors import Executor, executor
from playmate_jax.parallel.peak import datasheet_peak, measured_peak
from playmate_jax.training.dry_run import dry_run
from playmate_jax.training.failure import replay
from playmate_jax.training.loop import Trained, closing, train
from playmate_jax.training.run_log import Board, rows_of
from playmate_jax.training.stage import Stage
from playmate_jax.training.wandb_writer import WandbWriter


def load_config(path: str | Path) -> Any:
    """The value that the file's `config()` returns.

    Raises:
        UserError: no such file, or it defines no `config()`.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"expected a configuration file, found nothing at {path}")
    names = runpy.run_path(str(path))
    if "config" not in names:
        raise UserError(f"expected {path} to define config(), found none; see configs/")
    return names["config"]()


@dataclasses.dataclass(frozen=True)
class Devices:
    """How a run uses its devices; it changes no result.

    Attributes:
      parallel: "mesh" or "pmap".
      fsdp: devices that share one copy of the parameters.
      accumulate: microbatches of a step.
    """

    parallel: str = "mesh"
    fsdp: int = 1
    accumulate: int = 1

    def executor(self) -> Executor:
        """The executor that this describes."""
        return executor(self.parallel, self.fsdp, self.accumulate)


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A configuration file with some fields replaced, a folder, and devices to run on.

    Attributes:
      overrides: new values by dotted field name.
    """

    path: str | Path
    workdir: Path
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    devices: Devices = Devices()

    @functools.cached_property
    def config(self) -> Any:
        """The configuration.

        Raises:
          UserError: no such file or field.
        """
        return with_overrides(load_config(self.path), self.overrides)

    def run(self, profile: tuple[int, int] | None = None, wandb: str | None = None) -> Trained:
        """Trains (or resumes); at the end process 0 exports to `workdir/weights`.

        Args:
          profile: first and last step of a profile.
          wandb: a project of Weights & Biases to log to.
        """
        config, workdir = self.config, self.workdir
        stage = config.stage()
        boards: tuple[Board, ...] = ()
        if wandb and is_main():
            workdir.mkdir(parents=True, exist_ok=True)
            boards = (WandbWriter(wandb, workdir, stage.description),)
        done = train(
            stage, workdir, config.steps, seed=config.seed, loop=config.loop,
            executor=self.devices.executor(), profile=profile, boards=boards,
            peak_flops=peak_flops(getattr(config, "precision", "float32")) if stage.flops else 0.0,
        )  # fmt: skip
        if stage.export is not None and not done.interrupted:
            agreed(lambda: self._export(stage, done))
        return done

    def _export(self, stage: Stage, done: Trained) -> None:
        """Writes `workdir/weights` with a card that says how they were made."""
        assert stage.export is not None
        weights = self.workdir / "weights"
        stage.export(done.state, weights)
        record = run_record(self.path, self.workdir, self.config.seed, self.overrides)
        metadata: dict[str, Any] = {"run": record}
        # Weights that these began from or contain; a stage that finds some by name says so itself.
        earlier = getattr(self.config, "stage1", "") or getattr(self.config, "start", "")
        if earlier and is_weights(Path(earlier)):
            metadata["before"] = load_weights(earlier)[2]
        add_to_card(weights, metadata)

    def dry_run(self) -> str:
        """What the run would need, as text; nothing is trained or written."""
        stage = self.config.stage()
        with closing(stage.batches(self.config.seed, 0)) as batches:
            found = dry_run(stage, self.devices.executor(), next(batches), self.config.seed)
        return found.text(stage)

    def replay(self) -> list[str]:
        """The step that failed in `workdir`, run again: lines about what is not finite in it."""
        return replay(self.config.stage(), self.workdir)


def run_config(
    path: str | Path, workdir: str | Path, overrides: Mapping[str, Any] | None = None
) -> Trained:
    """Trains (or resumes) what the file describes, as `Experiment.run` does."""
    return Experiment(path, Path(workdir), overrides or {}).run()


def peak_flops(precision: str) -> float:
    """FLOP/s of all devices together: by their datasheet, or else measured in a fraction of a
    second."""
    return datasheet_peak(precision) or measured_peak(precision, side=1024)


def run_record(
    path: str | Path, workdir: str | Path, seed: int, overrides: Mapping[str, Any]
) -> dict[str, Any]:
    """What is needed to reproduce these weights, for their card."""
    changed = "".join(f" --set {name}={value}" for name, value in overrides.items())
    devices = jax.devices()
    return {
        "config": str(path),
        "seed": seed,
        "command": f"playmate train {path} --workdir {workdir}{changed}",
        "hardware": f"{len(devices)} x {devices[0].device_kind}, {os.cpu_count()} CPU cores",
        "wall_time_min": round(wall_minutes(workdir), 1),
        "versions": {name: version(name) for name in ("jax", "flax", "optax", "numpy")},
    }


def wall_minutes(workdir: str | Path) -> float:
    """Minutes that the steps of a run took, over all its interruptions, without evaluations."""
    minutes, before = 0.0, 0
    for row in rows_of(Path(workdir) / "metrics.jsonl"):
        if "steps_per_s" in row:
            minutes += (row["step"] - before) / row["steps_per_s"] / 60
            before = row["step"]
    return minutes
