"""Linear readout: mouth, lids and brows read from M's delta by one linear map for all people.

The map is fitted on half of the people and judged on the other half, then the other way round.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

RIDGE = 1e-5  # of the largest variance of a direction of delta


def linear_map(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n r"]
) -> tuple[Float[np.ndarray, "d r"], Float[np.ndarray, " r"]]:
    """Ridge regression: the matrix and the constant with y = x @ matrix + constant."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    mean, level = x.mean(0), y.mean(0)
    gram = (x - mean).T @ (x - mean)
    ridge = RIDGE * np.linalg.eigvalsh(gram)[-1] + 1e-12
    matrix = np.linalg.solve(gram + ridge * np.eye(len(gram)), (x - mean).T @ (y - level))
    return matrix, level - mean @ matrix


def readout_r2(
    delta: Sequence[Float[np.ndarray, "n d"]], targets: Sequence[Float[np.ndarray, "n r"]]
) -> Float[np.ndarray, " r"]:
    """R^2 of each target on people that the map was not fitted on, over all of them; NaN for one
    that does not vary. Both are given by person; there are at least two people."""
    errors, spread = 0.0, 0.0
    people = np.arange(len(delta))
    for half in (0, 1):
        fit, judged = people[people % 2 == half], people[people % 2 != half]
        x, y = (np.concatenate([values[p] for p in fit]) for values in (delta, targets))
        matrix, constant = linear_map(x, y)
        x, y = (np.concatenate([values[p] for p in judged]) for values in (delta, targets))
        errors = errors + np.square(y - x @ matrix - constant).sum(0)
        spread = spread + np.square(y - y.mean(0)).sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 1e-12, 1 - errors / spread, np.nan)
