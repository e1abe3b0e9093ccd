"""Scalars of a run for Weights & Biases, with the methods of TensorBoard's writer.

The package `wandb` is no dependency: who asks for it has it. A run that is resumed goes on in the
same W&B run, whose id lies in the run's folder. W&B drops values of steps before its last one; a
run that lost some steps computes the very same values again.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playmate_jax.errors import UserError

ID_FILE = "wandb_id.txt"


class WandbWriter:
    """Writes scalars of one run to a W&B project.

    Args:
      project: the name of the project.
      workdir: the run's folder; its name is the run's.
      config: what describes the run, in plain values.

    Raises:
      UserError: the package wandb is not installed.
    """

    def __init__(self, project: str, workdir: Path, config: Mapping[str, Any]):
        try:
            import wandb
        except ModuleNotFoundError:
            raise UserError(
                "expected the package wandb for --wandb, found none: pip install wandb, or leave "
                "the option out"
            ) from None
        workdir = Path(workdir)
        known = workdir / ID_FILE
        self._run = wandb.init(
            project=project,
            name=workdir.name,
            dir=str(workdir),
            config=dict(config),
            id=known.read_text().strip() if known.exists() else None,
            resume="allow",
        )
        if not known.exists():
            unfinished = known.with_suffix(".tmp")
            unfinished.write_text(self._run.id + "\n")
            unfinished.rename(known)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        """A value at a step; values of one step become one row."""
        self._run.log({name: float(value)}, step=step)

    def close(self) -> None:
        """Sends what has not been sent yet, and ends the W&B run."""
        self._run.finish()
