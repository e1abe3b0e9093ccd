"""Whether an ONNX file computes what JAX computes: both are run on the same random inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from playmate_jax.converters.to_onnx.networks import Network
from playmate_jax.errors import UserError

LIMIT = 1e-4  # of the standard deviation of an output: float32 sums in another order
RUNS = 3  # inputs that are tried, so that outputs of one number have a deviation


@dataclass(frozen=True)
class Agreement:
    """One output: its largest difference from JAX's, divided by its standard deviation."""

    network: str
    output: str
    error: float

    @property
    def passed(self) -> bool:
        """Whether the difference is below the limit; what is no number has not passed."""
        return self.error <= LIMIT


def require(agreements: Sequence[Agreement], what: str, whom: str) -> None:
    """Refuses an export that does not agree.

    Args:
      what: was run, and with whom it is to agree, for the message.

    Raises:
      UserError: with the output that is furthest off.
    """
    if failed := [row for row in agreements if not row.passed]:
        worst = max(failed, key=lambda row: row.error)
        raise UserError(
            f"expected {what} to agree with {whom} to {LIMIT:.0e} of an output's standard "
            f"deviation, found {worst.error:.1e} in {worst.output} of {worst.network}: nothing was "
            "written"
        )


def runtime() -> Any:
    """The package onnxruntime, or None where it is not installed."""
    try:
        import onnxruntime
    except ImportError:
        return None
    return onnxruntime


def session(path: Path) -> Any:
    """onnxruntime's session of a file, on the CPU, silent about what it optimises."""
    ort = runtime()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def compare(network: Network, path: Path) -> list[Agreement]:
    """Every output of a file against JAX, plain float32; onnxruntime must be installed."""
    run = session(path)
    names = [output.name for output in run.get_outputs()]
    function = jax.jit(lambda params, inputs: dict(network.function(params, **inputs)))
    theirs, ours = [], []
    for seed in range(RUNS):
        inputs = network.random_inputs(seed)
        theirs.append(run.run(names, inputs))
        with jax.default_matmul_precision("highest"):
            found = function(network.params, inputs)
        ours.append([np.asarray(found[name]) for name in names])
    columns = zip(names, zip(*theirs, strict=True), zip(*ours, strict=True), strict=True)
    return [
        Agreement(network.name, name, error(np.stack(a), np.stack(b))) for name, a, b in columns
    ]


def error(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, divided by the standard deviation of what is expected; where that
    is 0, the difference itself."""
    largest = float(np.abs(found.astype(np.float64) - expected).max())
    return largest / (float(expected.std(dtype=np.float64)) or 1.0)
