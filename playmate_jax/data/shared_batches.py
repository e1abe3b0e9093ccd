"""Batches from worker processes to this one, through shared memory that is used again and again.

Fresh shared memory costs more than decoding the images that go into it (every page of it is a
fault), so a worker keeps a few segments. It stacks examples straight into one that is free, and
sends its name alone; the receiver copies the batch out and marks the segment as free, in the
segment's first byte. What the receiver holds is ordinary memory: nothing of it must be given back.
"""

import contextlib
import dataclasses
import threading
from collections.abc import Mapping, Sequence
from multiprocessing import shared_memory, util
from typing import Any

import numpy as np

ALIGNMENT = 64  # of arrays within a segment, and the room for its mark
FREE, LENT = 0, 1
Arrays = dict[str, np.ndarray]
# Of arrays, or of functions that make them: in the array they are given, or (None) in a new one.
Example = Mapping[str, Any]


def stacked(examples: Sequence[Example]) -> Arrays:
    """Examples as a batch in this process's own memory."""
    first = {name: made(value) for name, value in examples[0].items()}
    batch = {n: np.empty((len(examples), *one.shape), one.dtype) for n, one in first.items()}
    fill(batch, first, examples)
    return batch


def fill(batch: Arrays, first: Arrays, examples: Sequence[Example]) -> None:
    """Puts examples into a batch, the first of which is made already. Images are decoded where
    they are to lie."""
    for name, rows in batch.items():
        rows[0] = first[name]
        for row, example in enumerate(examples[1:], 1):
            if callable(value := example[name]):
                value(rows[row])
            else:
                rows[row] = value


def made(value: Any) -> np.ndarray:
    """An array of an example."""
    return value(None) if callable(value) else np.asarray(value)


@dataclasses.dataclass(frozen=True)
class SharedBatch:
    """A batch that lies in a segment.

    Attributes:
      arrays: name, shape, dtype and place of each.
    """

    segment: str
    arrays: tuple[tuple[str, tuple[int, ...], str, int], ...]


class SharedMemoryWriter:
    """Segments of shared memory that a worker stacks its batches into."""

    def __init__(self) -> None:
        self._segments: list[shared_memory.SharedMemory] = []
        self._lock = threading.Lock()
        util.Finalize(self, self._unlink, exitpriority=10)

    def stacked(self, examples: Sequence[Example]) -> SharedBatch:
        """Examples as a batch in a segment."""
        first = {name: made(value) for name, value in examples[0].items()}
        arrays, end = [], ALIGNMENT
        for name, one in first.items():
            arrays.append((name, (len(examples), *one.shape), one.dtype.str, end))
            end += -(-one.nbytes * len(examples) // ALIGNMENT) * ALIGNMENT
        segment = self._free(end)
        fill(_views(segment, tuple(arrays)), first, examples)
        return SharedBatch(segment.name, tuple(arrays))

    def _free(self, size: int) -> shared_memory.SharedMemory:
        with self._lock:
            for segment in self._segments:
                if segment.size >= size and _mark(segment)[0] == FREE:
                    break
            else:
                segment = shared_memory.SharedMemory(create=True, size=size)
                self._segments.append(segment)
            _mark(segment)[0] = LENT
            return segment

    def _unlink(self) -> None:
        for segment in self._segments:
            _unlink(segment)


class SharedMemoryReader:
    """The other end: copies batches out of the segments of any number of workers."""

    def __init__(self) -> None:
        self._segments: dict[str, shared_memory.SharedMemory] = {}

    def unpacked(self, shared: SharedBatch) -> Arrays:
        """The batch, in memory of this process's own."""
        segment = self._segments.get(shared.segment)
        if segment is None:
            segment = self._segments[shared.segment] = shared_memory.SharedMemory(shared.segment)
        batch = {name: array.copy() for name, array in _views(segment, shared.arrays).items()}
        _mark(segment)[0] = FREE
        return batch

    def close(self) -> None:
        """Lets go of the segments, also of those whose worker was killed."""
        for segment in self._segments.values():
            _unlink(segment)
        self._segments.clear()


def _mark(segment: shared_memory.SharedMemory) -> np.ndarray:
    return np.ndarray(1, np.uint8, segment.buf)


def _views(segment: shared_memory.SharedMemory, arrays: tuple) -> Arrays:
    return {
        name: np.ndarray(shape, dtype, segment.buf, place) for name, shape, dtype, place in arrays
    }


def _unlink(segment: shared_memory.SharedMemory) -> None:
    with contextlib.suppress(FileNotFoundError):  # the other end was faster
        segment.unlink()
    with contextlib.suppress(BufferError):  # an array still uses it: freed with the process
        segment.close()
