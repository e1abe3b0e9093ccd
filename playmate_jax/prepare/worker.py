"""One worker process, which decodes files that may be broken or hostile: both ends of its pipe.

The worker process (`serve`) sends pairs (what, value), one after the other:

    ("ready", None)               the models are loaded
    ("length", seconds)           of the source that it was given
    ("made", clip or Dropped)     any number of times
    ("end", None)                 the source is done; or instead of it
    ("failed", (error, trace))    an unexpected exception
    ("refused", sentence)         no clip can be made: bad settings, no weights, disk full

`Worker` is the end of the process that starts it and gives it sources.
"""

import contextlib
import dataclasses
import logging
import os
import pickle
import re
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from playmate_jax.data.records import Dropped
from playmate_jax.errors import UserError
from playmate_jax.parallel.end_with_parent import cause_of_death, end_with_parent
from playmate_jax.prepare.plan import Source
from playmate_jax.prepare.probe import source_length_s
from playmate_jax.prepare.stores import is_full, refusal

LOG = logging.getLogger(__name__)
_LONGEST_S = 7 * 24 * 3600.0  # no source gets more: the system cannot wait for months
_SERVE = "from playmate_jax.prepare.worker import serve"
# One core a worker, on any machine: the number of threads decides in which order XLA adds.
_ENVIRONMENT = {
    "NPROC": "1",  # XLA's threads
    "OMP_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # workers share the accelerator
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
_GONE = (EOFError, BrokenPipeError, ConnectionResetError)  # the other end of the pipe


@dataclasses.dataclass(frozen=True)
class Limits:
    """After how long a worker process counts as hung.

    Attributes:
      start_s: for its imports and weights.
      source_s: for any source: the first one compiles programs.
      second_s: in addition, for every second of the source's length.
    """

    start_s: float = 900.0
    source_s: float = 300.0
    second_s: float = 30.0


class Lost(Exception):
    """The worker process died or hung; the message says how."""


class Worker:
    """A worker process, seen from the process that starts it.

    Args:
      work: `(load_maker, load_encoder)`, pickled; `serve` calls both once.

    Attributes:
      hung: it did not answer within its time.
    """

    def __init__(self, work: bytes):
        here, there = Pipe()
        path = [folder or os.getcwd() for folder in sys.path]
        self._pipe, self.hung, self._words = here, False, deque[str](maxlen=20)
        self._left_s = 0.0  # for what it does now
        # Its standard input is never written to: it is closed when this process ends.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", f"{_SERVE}; serve({there.fileno()})"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            pass_fds=[there.fileno()], start_new_session=True,
            env={**os.environ, **_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(path)},
        )  # fmt: skip
        there.close()
        threading.Thread(target=self._listen, daemon=True).start()
        with contextlib.suppress(OSError):  # dead already: the next read reports it
            here.send_bytes(work)

    def wait_ready(self, limit_s: float) -> None:
        """Returns when the worker process has loaded its models.

        Raises:
          UserError: it cannot make anything with these settings.
          Lost: it died, failed or took longer than `limit_s`.
        """
        self._left_s = limit_s
        kind, value = self._next()
        if kind == "refused":
            raise UserError(value)
        if kind == "failed":
            LOG.error("%s", value[1])
            raise Lost(value[0])

    def make(self, source: Source, limits: Limits) -> Iterator[Any]:
        """The encoded clips of a source, and what was `Dropped` of it.

        Raises:
          UserError: nothing can be made at all: the disk is full.
          Lost: the process died or hung.
        """
        self._left_s = limits.source_s
        with contextlib.suppress(OSError):
            self._pipe.send(source)
        while True:
            kind, value = self._next()
            if kind == "length":
                self._left_s = min(self._left_s + limits.second_s * value, _LONGEST_S)
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
        """Kills the worker process and waits for its end."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _next(self) -> tuple[str, Any]:
        began = time.monotonic()
        if not self._pipe.poll(max(self._left_s, 0.0)):
            self.hung = True
            raise Lost("it did not come to an end in the time that its length allows")
        self._left_s -= time.monotonic() - began  # only waiting counts, not the caller's work
        try:
            return self._pipe.recv()
        except (EOFError, OSError):
            code = self._process.wait()
            words = f" ({self._words[-1]})" if self._words else ""
            LOG.warning("a process that prepares clips ended with %d%s", code, words)
            raise Lost(f"the process that decoded it died of {cause_of_death(code)}") from None

    def _listen(self) -> None:
        """Keeps the last lines that libraries write to standard error."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._words.append(line.decode(errors="replace").strip()[:300])


def serve(pipe_number: int) -> None:
    """The worker process: makes clips of the sources that come until the other end is closed."""
    end_with_parent()
    pipe = Connection(pipe_number)
    with contextlib.suppress(*_GONE):
        try:
            # of its parent alone, through a pipe that no one else holds
            load_maker, load_encoder = pickle.loads(pipe.recv_bytes())
            make, encode = load_maker(), load_encoder()
        except UserError as error:
            return pipe.send(("refused", str(error)))
        except BaseException as error:
            return pipe.send(("failed", _described(error)))
        pipe.send(("ready", None))
        while True:
            source = pipe.recv()
            pipe.send(("length", source_length_s(source)))
            try:
                for item in make(source):
                    pipe.send(("made", item if isinstance(item, Dropped) else encode(item)))
                pipe.send(("end", None))
            except _GONE:
                raise
            except BaseException as error:
                if is_full(error):  # that is not the source's fault
                    place = getattr(error, "filename", "") or "/tmp"
                    pipe.send(("refused", str(refusal(error, place))))
                else:
                    pipe.send(("failed", _described(error)))


def _described(error: BaseException) -> tuple[str, str]:
    """An error in one line that is the same in every run, and its traceback."""
    first = " ".join(str(error).split())[:300]
    line = f"{type(error).__name__}: {first}" if first else type(error).__name__
    return re.sub(r"0x[0-9a-f]+", "0x...", line), "".join(traceback.format_exception(error))
