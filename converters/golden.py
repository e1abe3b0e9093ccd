"""Recorded outputs of PyTorch originals, and our outputs compared with them.

A directory holds `manifests/<network>.json` (name -> shape, dtype), `golden/<file>.npz`, and
optionally `gains.json` and `configs.json` (sizes other than the official ones); weights and inputs
are drawn from names (`synthetic_weights.py`).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from flax.traverse_util import unflatten_dict

from playmate_jax.converters import synthetic_weights
from playmate_jax.converters.rules import Table, to_flax, to_torch
from playmate_jax.errors import UserError

# Of an output's standard deviation. A float64 run of the originals differs from the recorded
# float32 values by up to 1e-5; the order of our sums adds a few times that in deep networks.
TOLERANCE = 1e-4

# Of the same, where both sides compute in float64, which rounds by 1e-16; differences of features
# amplify that up to 1e4 times.
SAME = 1e-10

# Absolute errors that float32 makes in an original itself, which no port can follow. Head pose: the
# logits' 1e-6 times 57 degrees, the spread of even bins; two images drawn from noise differ by
# so little in pose that their standard deviation (0.009 degrees) is no measure of it.
RESOLUTION = {f"motion.{angle}_degrees": 6e-5 for angle in ("pitch", "yaw", "roll")}

Outputs = Iterator[tuple[str, np.ndarray]]  # (name, value) in the order of computation


class Reference:
    """A directory of recorded outputs, and the weights and inputs that belong to a seed."""

    def __init__(self, directory: str | Path, seed: int):
        self.directory, self.seed = Path(directory), seed
        if not (self.directory / "golden").is_dir():
            raise UserError(f"expected folders golden/ and manifests/ in {directory}, found none")
        gains = self.directory / "gains.json"
        self.gains = json.loads(gains.read_text()) if gains.is_file() else {}
        configs = self.directory / "configs.json"
        self.configs = json.loads(configs.read_text()) if configs.is_file() else {}
        self.round_trips: dict[str, bool] = {}
        self.cache: dict[str, Any] = {}

    def files(self) -> list[str]:
        """The stems of all recordings."""
        return sorted(path.stem for path in (self.directory / "golden").glob("*.npz"))

    def state(self, network: str) -> dict[str, np.ndarray]:
        """The synthetic state dict of a network."""
        manifest = json.loads((self.directory / "manifests" / f"{network}.json").read_text())
        return synthetic_weights.state_dict(manifest, self.seed, self.gains.get(network))

    def convert(
        self, network: str, table: Table, shapes: Mapping[str, tuple[int, ...]]
    ) -> dict[str, Any]:
        """The network's variables, through its table; the round trip is checked on the way."""
        state = self.state(network)
        leaves, kept = to_flax(table, state, shapes)
        back = to_torch(table, leaves, kept)
        self.round_trips[network] = list(back) == list(state) and all(
            back[name].dtype == state[name].dtype and np.array_equal(back[name], state[name])
            for name in state
        )
        return unflatten_dict(leaves, sep="/")

    def input(self, name: str, shape: tuple[int, ...], kind: str = "normal") -> np.ndarray:
        """A synthetic input in PyTorch's axis order."""
        return synthetic_weights.network_input(name, shape, self.seed, kind)

    def compare(self, file: str, outputs: Outputs) -> list["Comparison"]:
        """Our outputs against the recorded ones, in the order in which they are computed."""
        recorded = np.load(self.directory / "golden" / f"{file}.npz")
        names = {_output(key) for key in recorded.files}
        comparisons = [
            self._compare(recorded, name, value) for name, value in outputs if name in names
        ]
        missing = names - {comparison.name for comparison in comparisons}
        return comparisons + [Comparison(name, np.inf, "not computed") for name in sorted(missing)]

    def _compare(self, recorded: Mapping, name: str, value: np.ndarray) -> "Comparison":
        if name in recorded:
            return _compare_whole(name, np.asarray(value), recorded[name])
        shape = tuple(recorded[f"{name}/shape"])
        if value.shape != shape:
            return Comparison(name, np.inf, f"shape {value.shape}, recorded {shape}")
        moments = recorded[f"{name}/mean_std_absmax"]
        flat = np.asarray(value, np.float64).reshape(-1)
        if f"{name}/values" in recorded:
            values = recorded[f"{name}/values"]
            indices = synthetic_weights.sample_indices(
                name, flat.size, self.seed, max(1, values.size)
            )
            difference = np.abs(flat[indices] - values)
        else:
            ours = np.array([flat.mean(), flat.std(), np.abs(flat).max()])
            difference = np.abs(ours - moments)
        beyond = max(float(difference.max()) - RESOLUTION.get(name, 0.0), 0.0)
        error = beyond / max(float(moments[1]), 1e-12)
        return Comparison(name, error if np.isfinite(error) else np.inf, "")


class Precision(NamedTuple):
    """One output's RMS errors against PyTorch's in float64, relative to its standard deviation.

    Attributes:
      ours: our network's error, in float32 unless `in_float64`.
      pytorchs: that of PyTorch's own float32.
    """

    name: str
    ours: float
    pytorchs: float
    in_float64: bool = False

    @property
    def passed(self) -> bool:
        """Whether ours is at least as close to the truth as PyTorch's float32; or the truth itself,
        where ours is float64 too."""
        return self.ours <= (SAME if self.in_float64 else self.pytorchs)


class Comparison(NamedTuple):
    """One output: its worst error relative to the recorded standard deviation."""

    name: str
    error: float
    remark: str


def _output(key: str) -> str:
    """The output that a recorded array belongs to; one without parts is an output of its own."""
    name, _, part = key.rpartition("/")
    return name if part in ("shape", "values", "mean_std_absmax") else key


def _compare_whole(name: str, value: np.ndarray, recorded: np.ndarray) -> Comparison:
    """Against a recording of every number: integers exactly, others by their std."""
    if value.shape != recorded.shape:
        return Comparison(name, np.inf, f"shape {value.shape}, recorded {recorded.shape}")
    if recorded.dtype.kind in "iu":
        return Comparison(name, 0.0 if np.array_equal(value, recorded) else np.inf, "")
    error = float(np.abs(value - recorded).max() / max(recorded.std(), 1e-12))
    return Comparison(name, error if np.isfinite(error) else np.inf, "")


Port = Callable[[Reference], Outputs]  # one recording -> our outputs
