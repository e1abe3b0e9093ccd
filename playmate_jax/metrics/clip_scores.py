"""Scores by clip: their mean, and how far it would move with other clips of the same kind.

A state is filled in any order and merged from any number of hosts; a clip's score is the mean of
its parts (frames, windows), and the set's is the mean of its clips.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError

RESAMPLES, LEVEL = 2000, 0.95


class Interval(NamedTuple):
    """A mean over clips, and the bounds within which 95 of 100 such sets have theirs.

    Attributes:
      clips: how many there are.
    """

    mean: float
    low: float
    high: float
    clips: int


@dataclasses.dataclass(frozen=True)
class ClipScores:
    """Sum and number of the scores of every clip.

    Attributes:
      sums: clip's name -> (sum, number).
    """

    sums: Mapping[str, tuple[float, int]] = dataclasses.field(default_factory=dict)

    def update(self, clip: str, scores: Float[np.ndarray, " n"]) -> ClipScores:
        """With more scores of a clip; those that are not finite say nothing."""
        values = np.asarray(scores, np.float64).ravel()
        values = values[np.isfinite(values)]
        return self.merge(ClipScores({clip: (float(values.sum()), len(values))}))

    def merge(self, other: ClipScores) -> ClipScores:
        """Of both sets of clips; a clip may be in both in parts."""
        sums = dict(self.sums)
        for clip, (total, count) in other.sums.items():
            before, n = sums.get(clip, (0.0, 0))
            sums[clip] = before + total, n + count
        return ClipScores(sums)

    def means(self) -> dict[str, float]:
        """Every clip's mean by name, in the order of names; clips without a score are left out."""
        return {clip: total / n for clip, (total, n) in sorted(self.sums.items()) if n}

    def worst_first(self, lower_is_better: bool) -> Iterator[tuple[str, float]]:
        """Clips and means, the worst one first."""
        found = self.means().items()
        yield from sorted(found, key=lambda item: item[1], reverse=lower_is_better)

    def compute(self, seed: int = 0) -> Interval:
        """Mean over clips with its bootstrap interval (percentiles, Efron 1979): the same for the
        same clips in any order.

        Raises:
          UserError: no clip has a score.
        """
        values = np.array(list(self.means().values()))
        if not len(values):
            raise UserError("expected clips with scores, found none: give at least one clip")
        drawn = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
        edges = 100 * np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        low, high = np.percentile(values[drawn].mean(1), edges)
        return Interval(float(values.mean()), float(low), float(high), len(values))
