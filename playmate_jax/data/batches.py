"""Batches of a stream of examples: shared out, prefetched, and resumed exactly.

Example i of a stream is a function of (data, seed, i), and global batch n holds the examples n B to
n B + B - 1, of which process p of P takes the p-th block. So the position is one number: whatever
the number of workers or hosts, a run goes on with the batch that an uninterrupted one would see.
"""

import atexit
import contextlib
import dataclasses
import hashlib
import json
import os
import signal
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import resource_tracker
from typing import Any, ClassVar, Generic, TypeVar, cast

import grain
import jax
import numpy as np
from absl import flags

from playmate_jax.data.shared_batches import (
    Arrays,
    Example,
    SharedBatch,
    SharedMemoryReader,
    SharedMemoryWriter,
    stacked,
)
from playmate_jax.errors import UserError
from playmate_jax.motion.normalization import Statistics

# What asks a run to stop: Ctrl-C, the end of a job, its requeueing. They reach the whole process
# group at once.
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
READ_AHEAD = 2  # batches a thread or worker
ENDLESS = 2**48  # examples
Leaf = np.ndarray | jax.Array  # of a batch: NumPy here, JAX in a training step
Batch = TypeVar("Batch")  # the keys and shapes of a batch: MotionBatch, PairBatch


@dataclasses.dataclass(frozen=True)
class Loading:
    """How batches are loaded: threads and workers. It does not change their content.

    Attributes:
      workers: processes; 0: threads of this one.
      process_index, process_count: this host among those that share each batch.
    """

    workers: int = 0
    process_index: int = 0
    process_count: int = 1


ALONE = Loading()


def share_of(batch_size: int, loading: Loading, rows: int = 1) -> int:
    """How many pieces of `rows` rows of each batch every process makes.

    Raises:
      UserError: the processes cannot share a batch evenly.
    """
    share, odd = divmod(batch_size, loading.process_count * rows)
    if odd or share < 1:
        raise UserError(
            f"expected a batch size that {loading.process_count} processes can share in "
            f"pieces of {rows}, found {batch_size}: take a multiple of "
            f"{loading.process_count * rows}"
        )
    return share


def block_of(batch_size: int, loading: Loading) -> slice:
    """The rows of each batch that this process makes; raises as `share_of`."""
    share = share_of(batch_size, loading)
    return slice(loading.process_index * share, (loading.process_index + 1) * share)


class Batches(Iterator[Batch], Generic[Batch]):
    """Endless batches of a stream; close it, or use it in a `with` block.

    Attributes:
      about: what the batches follow from; batches of another stream refuse its position.
      statistics: what they are normalised with; None: with nothing.
    """

    def __init__(
        self,
        examples: grain.MapDataset,
        batch_size: int,
        about: Mapping[str, Any],
        *,
        rows: int = 1,
        loading: Loading = ALONE,
        statistics: Statistics | None = None,
    ):
        """Args:
        rows: examples that one element of the stream brings, as a list if more than one.
        """
        share = share_of(batch_size, loading, rows)
        self.statistics, self._loading = statistics, loading
        self.about = {"batch_size": batch_size, **about}
        self._blocks = examples.batch(share, batch_fn=Stack())
        self._inner: Any = None
        self._number, self._receiver = 0, SharedMemoryReader()

    def __next__(self) -> Batch:
        if self._inner is None:
            with signals_held_back() if self._loading.workers else contextlib.nullcontext():
                self._inner = self._started()
                _OPEN.add(self)
                batch = next(self._inner)  # threads that it begins start the workers
        else:
            batch = next(self._inner)
        self._number += 1
        own = self._receiver.unpacked(batch) if isinstance(batch, SharedBatch) else batch
        return cast(Batch, own)

    def _started(self):
        """An iterator from the batch that is due on."""
        at = self._loading
        own = self._blocks[self._number * at.process_count + at.process_index :: at.process_count]
        if not at.workers:
            threads = min(os.cpu_count() or 1, 8)
            return iter(own.to_iter_dataset(grain.ReadOptions(threads, READ_AHEAD * threads)))
        # Grain reads its options from absl's flags, which nothing has parsed here.
        if not flags.FLAGS.is_parsed():
            flags.FLAGS.mark_as_parsed()
        own = own.to_iter_dataset(grain.ReadOptions(0, 0))
        how = grain.MultiprocessingOptions(at.workers, per_worker_buffer_size=READ_AHEAD)
        return iter(own.mp_prefetch(how, PrepareWorker(os.getpid())))

    def get_state(self) -> dict[str, Any]:
        """The position, for a checkpoint: plain values."""
        return {"batch": self._number, **self.about}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on at a position.

        Raises:
          UserError: it is a position in other batches.
        """
        was, found = {k: v for k, v in state.items() if k != "batch"}, dict(self.about)
        if was != found:
            names = [name for name in {**was, **found} if was.get(name) != found.get(name)]
            said = ", ".join(f"{n} {was.get(n)} (now {found.get(n)})" for n in names)
            raise UserError(
                f"expected the data that the run began with, found a difference: {said}; restore "
                "it, or begin a new run"
            )
        self.start_at(int(state["batch"]))

    def start_at(self, number: int) -> "Batches[Batch]":
        """Goes on with batch `number`."""
        if number != self._number:
            self.close()
            self._number = number
        return self

    def close(self) -> None:
        """Ends threads and workers; the next batch would start them anew."""
        if self._inner is not None:
            self._inner.close()
            self._inner = None
            self._receiver.close()

    def __enter__(self) -> "Batches[Batch]":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def fingerprint(*values: Any) -> str:
    """A short name of plain values: the same values, the same name."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def endless(examples: grain.MapDataset) -> grain.MapDataset:
    """Epoch after epoch, each shuffled anew; with a length that is still exact as a float."""
    return examples.repeat(ENDLESS // len(examples) + 1)


def seeds(seed: int, count: int) -> list[int]:
    """`count` independent seeds that follow from one."""
    return np.random.SeedSequence(seed).generate_state(count).tolist()


@dataclasses.dataclass(frozen=True)
class Stack:
    """Makes a batch of what a stream gives; in a worker one that is ready to be handed over."""

    lender: ClassVar[SharedMemoryWriter | None] = None

    def __call__(self, elements: Sequence[Any]) -> Arrays | SharedBatch:
        examples = [e for element in elements for e in _examples(element)]
        if self.lender is not None:
            return self.lender.stacked(examples)
        return stacked(examples)


def _examples(element: Any) -> Sequence[Example]:
    return element if isinstance(element, list) else [element]


@dataclasses.dataclass(frozen=True)
class PrepareWorker:
    """Run first in each worker: signals to stop are left to the parent, which ends its workers once
    it has saved; a worker whose parent was killed ends by itself."""

    parent: int

    def __call__(self, index: int, count: int) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        # They were held back since the worker began; what came meanwhile is now ignored as well.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        Stack.lender = SharedMemoryWriter()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while os.getppid() == self.parent:
            time.sleep(1)
        os._exit(1)


@contextlib.contextmanager
def signals_held_back() -> Iterator[None]:
    """While workers are started, signals to stop do not reach this thread.

    Threads and processes that it starts inherit that: a worker that has not come to `PrepareWorker`
    would else die of a signal to the group, and leave the parent waiting for its batches. The
    process itself still receives them in other threads, or afterwards.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        # Python's tracker of shared memory lives as long as this process and must not die either.
        # Starting it lets SIGINT and SIGTERM through again.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_OPEN: "weakref.WeakSet[Batches]" = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Stops Grain's workers before the interpreter shuts down; its own exit hook runs too late."""
    for batches in list(_OPEN):
        batches.close()
