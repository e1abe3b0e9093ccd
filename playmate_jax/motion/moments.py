"""Count, mean, spread and extremes of rows of numbers, measured in parts and put together.

Each part subtracts its own mean first and parts are joined by Chan, Golub and LeVeque's update
(1979), all in float64: no large sums of squares that cancel. Joining is associative up to rounding
and, in a fixed order, the same to the last bit wherever the parts were measured.
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float


@dataclasses.dataclass(frozen=True)
class Moments:
    """What is known of `count` rows of d numbers.

    Attributes:
      mean: of each number.
      m2: sum of squares of the distances from the mean.
      low, high: the least and the most seen.
    """

    count: int
    mean: Float[np.ndarray, " d"]
    m2: Float[np.ndarray, " d"]
    low: Float[np.ndarray, " d"]
    high: Float[np.ndarray, " d"]

    @classmethod
    def of(cls, rows: Float[np.ndarray, "n d"]) -> "Moments":
        """Measured on rows, of which there must be one."""
        if not len(rows):
            raise ValueError("expected at least one row to measure, found none")
        rows = rows.astype(np.float64)
        mean = rows.mean(0)
        return cls(len(rows), mean, ((rows - mean) ** 2).sum(0), rows.min(0), rows.max(0))

    @classmethod
    def merged(cls, parts: Iterable["Moments"]) -> "Moments":
        """Of all rows together, joined from first to last."""
        return functools.reduce(cls.merge, parts)

    def merge(self, other: "Moments") -> "Moments":
        """Of both sets of rows together."""
        count = self.count + other.count
        share, delta = other.count / count, other.mean - self.mean
        return Moments(
            count,
            self.mean + delta * share,
            self.m2 + other.m2 + delta**2 * (self.count * share),
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
        )

    @property
    def std(self) -> Float[np.ndarray, " d"]:
        """Root of the mean squared distance from the mean."""
        return np.sqrt(self.m2 / self.count)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers; `from_json` gives back the same bits."""
        return {
            field.name: np.asarray(getattr(self, field.name)).tolist()
            for field in dataclasses.fields(self)
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Moments":
        """The inverse of `to_json`."""
        count, *arrays = (values[field.name] for field in dataclasses.fields(cls))
        return cls(int(count), *(np.asarray(array, np.float64) for array in arrays))
