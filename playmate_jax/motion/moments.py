"""Count, mean, spread and extremes of rows of numbers, measured in parts and merged.

Each part subtracts its own mean first, and parts are merged by the update of Chan, Golub and
LeVeque (1979) in float64, so that no large sums of squares cancel. Merging is associative up to
rounding. In a fixed order its result is bit-identical, whichever processes measured the parts.
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float


@dataclasses.dataclass(frozen=True)
class Moments:
    """Count, mean, spread and extremes of `count` rows of d numbers.

    Attributes:
      mean: the mean of each column.
      m2: the sum of squared deviations from the mean, by column.
      low, high: the minimum and the maximum of each column.
    """

    count: int
    mean: Float[np.ndarray, " d"]
    m2: Float[np.ndarray, " d"]
    low: Float[np.ndarray, " d"]
    high: Float[np.ndarray, " d"]

    @classmethod
    def of(cls, rows: Float[np.ndarray, "n d"]) -> "Moments":
        """Moments of at least one row.

        Raises:
          ValueError: there are no rows.
        """
        if not len(rows):
            raise ValueError("expected at least one row to measure, found none")
        rows = rows.astype(np.float64)
        mean = rows.mean(0)
        return cls(len(rows), mean, ((rows - mean) ** 2).sum(0), rows.min(0), rows.max(0))

    @classmethod
    def merged(cls, parts: Iterable["Moments"]) -> "Moments":
        """Moments of all rows of several parts, merged in the order given."""
        return functools.reduce(cls.merge, parts)

    def merge(self, other: "Moments") -> "Moments":
        """Moments of the rows of `self` and `other` together."""
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
        """The standard deviation of each column, with 1/n."""
        return np.sqrt(self.m2 / self.count)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for JSON, from which `from_json` restores the same bits."""
        return {
            field.name: np.asarray(getattr(self, field.name)).tolist()
            for field in dataclasses.fields(self)
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Moments":
        """Moments from the plain numbers that `to_json` returned."""
        count, *arrays = (values[field.name] for field in dataclasses.fields(cls))
        return cls(int(count), *(np.asarray(array, np.float64) for array in arrays))
