"""Making clips in a process of its own, which a hostile file may bring down or hang for good.

A child process runs `config.maker()` once and then makes sources one after the other; what it makes
comes back one by one. A source on which the child dies is tried once more in a new one (the system
may have run out of memory through no fault of its own), then given up, as is one that does not
come to its end in the time that its length allows. The child is a fresh interpreter; when this
process ends, however it ends, the system ends the child too.
"""

import contextlib
import dataclasses
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from typing import Any

from playmate_jax.data.records import Dropped
from playmate_jax.errors import UserError
from playmate_jax.prepare.source import Source

STAGE = "isolation"  # of what was given up here
LOG = logging.getLogger(__name__)
_LONGEST_S = 7 * 24 * 3600.0  # no source gets more: the system cannot wait for months
_CHILD = "from playmate_jax.prepare.child import serve"
# One core a child, whatever the machine: the number of threads decides in which order XLA adds.
_ENVIRONMENT = {
    "NPROC": "1",  # XLA's threads
    "OMP_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # children share the accelerator
    "TF_CPP_MIN_LOG_LEVEL": "2",
}


@dataclasses.dataclass(frozen=True)
class Limits:
    """After how long a child counts as hung.

    Attributes:
      start_s: for its imports and weights.
      source_s: for any source: the first one compiles programs.
      second_s: in addition, for every second of the source's length.
    """

    start_s: float = 900.0
    source_s: float = 300.0
    second_s: float = 30.0


class Stopped(Exception):
    """The preparation is being broken off."""


class _Lost(Exception):
    """The child died or hung; the message says how."""


class WorkerPool:
    """At most `size` children, lent one at a time.

    Args:
      config: has `maker()`; it and its `maker` must be found under their names by an import.
      encoder: gives what is applied to each clip in the child, before it comes back.

    Attributes:
      stopped: the error that stopped it all; None while it goes on.
    """

    def __init__(
        self, config: Any, encoder: Callable[[], Callable], size: int, limits: Limits | None = None
    ):
        self._work, self._limits = pickle.dumps((config, encoder)), limits or Limits()
        self._free = threading.Semaphore(size)
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()
        self._guard = threading.Condition()
        self._lent = 0
        self.stopped: BaseException | None = None

    @contextlib.contextmanager
    def lend(self) -> Iterator[Callable[[Source], Iterator[Any]]]:
        """`make`, which gives a source's clips, encoded, and what was `Dropped` of it.

        Raises:
          UserError: the child cannot start.
          Stopped: `stop` was called.
        """
        with self._free, self._counted():
            lent: list[_Child] = []

            def child() -> _Child:
                if not lent:
                    lent.append(self._take())
                return lent[0]

            def discard() -> None:
                self._end(lent.pop())

            try:
                yield lambda source: self._make(source, child, discard)
            except BaseException:
                if lent:
                    discard()  # it may be amid a source
                raise
            with self._guard:
                self._idle += lent

    def stop(self, error: BaseException | None = None) -> None:
        """Ends all children; every caller that waits for one gets `error`, the first of several."""
        with self._guard:
            self.stopped = self.stopped or error or Stopped()
            for child in self._all:
                child.end()
            self._all.clear()
            self._idle.clear()

    def wait_returned(self, limit_s: float) -> bool:
        """Returns when none is lent any more, and anyone who had one has cleared up."""
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

    def _make(self, source: Source, child: Callable, discard: Callable) -> Iterator[Any]:
        given = 0
        for attempt in range(2):
            try:
                for number, item in enumerate(child().make(source, self._limits)):
                    if number >= given:  # the second time all comes again
                        given += 1
                        yield item
                return
            except _Lost as lost:
                hung = child().hung
                discard()
                if self.stopped:
                    raise self.stopped from None
                LOG.warning("%s: %s", source.path, lost)
                if hung or attempt:
                    yield Dropped(source.id, source.place, STAGE, str(lost))
                    return

    def _take(self) -> "_Child":
        with self._guard:
            if self.stopped:
                raise self.stopped
            if self._idle:
                return self._idle.pop()
            found = _Child(self._work)
            self._all.add(found)
        try:
            found.wait_ready(self._limits.start_s)
        except _Lost as lost:
            self._end(found)
            if self.stopped:
                raise self.stopped from None
            raise UserError(
                f"expected a process that prepares clips, found that it does not start: {lost}"
            ) from None
        return found

    def _end(self, child: "_Child") -> None:
        with self._guard:
            self._all.discard(child)
        child.end()


class _Child:
    """One child process, as seen from this side."""

    def __init__(self, work: bytes):
        here, there = Pipe()
        path = [folder or os.getcwd() for folder in sys.path]
        self._pipe, self.hung, self._words = here, False, deque[str](maxlen=20)
        # Its standard input is never written to: that it is closed tells the end of this process.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", f"{_CHILD}; serve({there.fileno()})"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            pass_fds=[there.fileno()], start_new_session=True,
            env={**os.environ, **_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(path)},
        )  # fmt: skip
        there.close()
        threading.Thread(target=self._listen, daemon=True).start()
        with contextlib.suppress(OSError):  # dead already: the next one to read finds out
            here.send_bytes(work)

    def wait_ready(self, limit_s: float) -> None:
        """Returns when the child has its maker."""
        kind, value = self._next(_Clock(limit_s))
        if kind == "refused":
            raise UserError(value)
        if kind == "failed":
            LOG.error("%s", value[1])
            raise _Lost(value[0])

    def make(self, source: Source, limits: Limits) -> Iterator[Any]:
        """What the child's maker gives for a source."""
        clock = _Clock(limits.source_s)
        with contextlib.suppress(OSError):
            self._pipe.send(source)
        while True:
            kind, value = self._next(clock)
            if kind == "length":
                clock.left_s = min(clock.left_s + limits.second_s * value, _LONGEST_S)
            elif kind == "made":
                yield value
            elif kind == "failed":
                LOG.warning("%s: %s", source.path, value[1])
                yield Dropped(source.id, source.place, "error", value[0])
                return
            elif kind == "refused":
                raise UserError(value)
            else:
                return

    def end(self) -> None:
        """Kills the process."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _next(self, clock: "_Clock") -> tuple[str, Any]:
        began = time.monotonic()
        if not self._pipe.poll(max(clock.left_s, 0.0)):
            self.hung = True
            raise _Lost("it did not come to an end in the time that its length allows")
        clock.left_s -= time.monotonic() - began  # only waiting counts, not what is done meanwhile
        try:
            return self._pipe.recv()
        except (EOFError, OSError):
            code = self._process.wait()
            words = f" ({self._words[-1]})" if self._words else ""
            LOG.warning("a process that prepares clips ended with %d%s", code, words)
            raise _Lost(f"the process that decoded it died of {_cause(code)}") from None

    def _listen(self) -> None:
        """Keeps the last words of libraries that write to standard error."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._words.append(line.decode(errors="replace").strip()[:300])


@dataclasses.dataclass
class _Clock:
    left_s: float


def _cause(code: int) -> str:
    try:
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    except ValueError:
        return f"signal {-code}"
