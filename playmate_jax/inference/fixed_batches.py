"""Batches of one size, which one compiled program takes, and work that runs a batch ahead."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Array


def padded(rows: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Parts of exactly `size` rows, padded with the last row, and how many of them are real."""
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        yield np.concatenate([part, np.repeat(part[-1:], size - len(part), 0)]), len(part)


def one_ahead(batches: Iterator[tuple[Array, int]]) -> Iterator[np.ndarray]:
    """Yields each batch once the next one is dispatched, so that the device stays busy."""
    waiting: tuple[Array, int] | None = None
    for batch in batches:
        if waiting is not None:
            yield np.asarray(waiting[0])[: waiting[1]]
        waiting = batch
    if waiting is not None:
        yield np.asarray(waiting[0])[: waiting[1]]
