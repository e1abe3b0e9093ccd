"""Worker processes that make clips: a hostile file may crash or hang one, but not the others.

A worker loads the models once and then makes sources one after the other; clips come back one by
one. A source on which the process dies is tried once more in a new one (the system may have run out
of memory through no fault of the source), then given up, as is one that does not come to its end in
the time that its length allows. A worker is a fresh interpreter; when this process ends, however it
ends, the system ends its workers too.
"""

import contextlib
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

from playmate_jax.data.records import Dropped
from playmate_jax.errors import UserError
from playmate_jax.prepare.plan import Source
from playmate_jax.prepare.worker import LOG, Limits, Lost, Worker

STAGE = "isolation"  # of sources that are given up here


class Stopped(Exception):
    """Raised where work would go on in a preparation that is being stopped."""


class WorkerPool:
    """At most `size` worker processes, lent one at a time.

    Args:
      load_maker: returns the function that makes clips of a source. Called once in each worker
        process, which finds it by an import of its name.
      load_encoder: returns the function that is applied to each clip in the worker process, before
        it comes back; found in the same way.

    Attributes:
      stopped: the error that stopped the pool; None while it works.
    """

    def __init__(
        self,
        load_maker: Callable[[], Callable],
        load_encoder: Callable[[], Callable],
        size: int,
        limits: Limits | None = None,
    ):
        self._work, self._limits = pickle.dumps((load_maker, load_encoder)), limits or Limits()
        self._free = threading.Semaphore(size)
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._guard = threading.Condition()
        self._lent = 0
        self.stopped: BaseException | None = None

    @contextlib.contextmanager
    def lend(self) -> Iterator[Callable[[Source], Iterator[Any]]]:
        """`make`, which gives a source's clips, encoded, and what was `Dropped` of it.

        Raises:
          UserError: the worker process cannot start.
          Stopped: `stop` was called.
        """
        with self._free, self._counted():
            lent: list[Worker] = []

            def worker() -> Worker:
                if not lent:
                    lent.append(self._take())
                return lent[0]

            def discard() -> None:
                self._end(lent.pop())

            try:
                yield lambda source: self._make(source, worker, discard)
            except BaseException:
                if lent:
                    discard()  # it may be amid a source
                raise
            with self._guard:
                self._idle += lent

    def stop(self, error: BaseException | None = None) -> None:
        """Ends all workers; every caller that waits for one gets `error`, the first of several."""
        with self._guard:
            self.stopped = self.stopped or error or Stopped()
            for worker in self._all:
                worker.end()
            self._all.clear()
            self._idle.clear()

    def wait_returned(self, limit_s: float) -> bool:
        """Waits until no worker is lent and every borrower has cleared up.

        Returns:
          False where that took longer than `limit_s`.
        """
        with self._guard:
            return self._guard.wait_for(lambda: not self._lent, limit_s)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        with self._guard:
            if self.stopped:  # `wait_returned` may be over: nothing new is begun
                raise self.stopped
            self._lent += 1
        try:
            yield
        finally:
            with self._guard:
                self._lent -= 1
                self._guard.notify_all()

    def _make(self, source: Source, worker: Callable, discard: Callable) -> Iterator[Any]:
        given = 0
        for attempt in range(2):
            try:
                for number, item in enumerate(worker().make(source, self._limits)):
                    if number >= given:  # the second time all comes again
                        given += 1
                        yield item
                return
            except Lost as lost:
                hung = worker().hung
                discard()
                if self.stopped:
                    raise self.stopped from None
                LOG.warning("%s: %s", source.path, lost)
                if hung or attempt:
                    yield Dropped(source.id, source.place, STAGE, str(lost))
                    return

    def _take(self) -> Worker:
        with self._guard:
            if self.stopped:
                raise self.stopped
            if self._idle:
                return self._idle.pop()
            found = Worker(self._work)
            self._all.add(found)
        try:
            found.wait_ready(self._limits.start_s)
        except Lost as lost:
            self._end(found)
            if self.stopped:
                raise self.stopped from None
            raise UserError(
                f"expected a process that prepares clips, found that it does not start: {lost}"
            ) from None
        return found

    def _end(self, worker: Worker) -> None:
        with self._guard:
            self._all.discard(worker)
        worker.end()
