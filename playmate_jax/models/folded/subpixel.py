"""Convolutions after nearest enlargement, made at the small size.

Enlarged by `factor`, a 3-tap window at position p of a cell sees two neighbouring cells at most, so
its taps add up to fewer: first position {-1, 0}, last {0, 1}, all between {0} alone. A cell's
positions thus have 2 distinct kernels for factor 2 and 3 for any larger one, in each direction:
"phases". 9 taps a pixel become 4 on average for factor 2 and 25/16 for factor 4.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from playmate_jax.models.folded.layers import along

TAPS = (-1, 0, 1)


def phases(factor: int) -> list[int]:
    """One position of each phase in a cell of `factor` positions."""
    return list(range(factor)) if factor < 3 else [0, 1, factor - 1]


def phase_matrix(position: int, factor: int) -> Float[np.ndarray, "3 3"]:
    """Which tap (column) of a position falls on which neighbour of its cell (row)."""
    matrix = np.zeros((3, 3))
    for tap in TAPS:
        matrix[(position + tap) // factor + 1, tap + 1] = 1
    return matrix


def stacked_phases(
    kernel: Float[np.ndarray, "*z 3 3 i o"], factor: int
) -> Float[np.ndarray, "*z 3 3 i p"]:
    """All phases' kernels side by side in the output channels, row by row, as 3x3 windows."""
    matrices = [phase_matrix(p, factor) for p in phases(factor)]
    rows = [along(matrix, kernel, -4) for matrix in matrices]
    return np.concatenate([along(matrix, row, -3) for row in rows for matrix in matrices], -1)


def trimmed_phases(
    kernel: Float[np.ndarray, "*z 3 3 i o"], factor: int
) -> list[list[Float[np.ndarray, "*z _ _ i o"]]]:
    """Each phase's kernel, by row and column, only as large as it has to be."""
    return [
        [
            along(_trimmed(q, factor), along(_trimmed(p, factor), kernel, -4), -3)
            for q in phases(factor)
        ]
        for p in phases(factor)
    ]


def reach(position: int, factor: int) -> tuple[int, int]:
    """How many cells before and behind its own a position sees: the padding of its kernel."""
    seen = [(position + tap) // factor for tap in TAPS]
    return -min(seen), max(seen)


def spread(
    rows: Sequence[Sequence[Float[Array, "*b h w o"]]], factor: int
) -> Float[Array, "*b h2 w2 o"]:
    """The phases' results by row and column, each in its place of the enlarged array."""
    order = [0, *[1] * (factor - 2), len(rows) - 1] if factor > 1 else [0]
    *lead, h, w, o = rows[0][0].shape
    wide = [jnp.stack([row[i] for i in order], -2).reshape(*lead, h, w * factor, o) for row in rows]
    return jnp.stack([wide[i] for i in order], -3).reshape(*lead, h * factor, w * factor, o)


def _trimmed(position: int, factor: int) -> Float[np.ndarray, "_ 3"]:
    matrix = phase_matrix(position, factor)
    return matrix[matrix.any(1)]
