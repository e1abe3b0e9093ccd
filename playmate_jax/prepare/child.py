"""The other side of isolation.py: the process that decodes what may be broken or hostile.

It says (what, value), one after the other:

    ("ready", None)               the maker is there
    ("length", seconds)           of the source it was given
    ("made", clip or Dropped)     any number of times
    ("end", None)                 the source is done; or instead of it
    ("failed", (error, trace))    an exception that nobody expected
    ("refused", sentence)         nothing can be made at all: bad settings, no weights, disk full
"""

import contextlib
import fcntl
import os
import pickle
import re
import select
import signal
import sys
import traceback
from fractions import Fraction
from multiprocessing.connection import Connection

from playmate_jax.data.records import Dropped
from playmate_jax.errors import UserError
from playmate_jax.prepare.refusals import is_full, refusal
from playmate_jax.prepare.source import Source

_LEAST_BYTES = 1000  # of a second of video: a file that claims to be longer is not believed
_SKIPPED = 0.05  # of a second's work: what one takes that is decoded and not looked at


def serve(pipe_number: int) -> None:
    """Makes what it is asked for until the other side is gone."""
    _end_with_parent()
    pipe = Connection(pipe_number)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            # of its parent alone, through a pipe that no one else holds
            config, encoder = pickle.loads(pipe.recv_bytes())
            make, encode = config.maker(), encoder()
        except UserError as error:
            return pipe.send(("refused", str(error)))
        except BaseException as error:
            return pipe.send(("failed", _told(error)))
        pipe.send(("ready", None))
        while True:
            source = pipe.recv()
            pipe.send(("length", _length(source)))
            try:
                for item in make(source):
                    pipe.send(("made", item if isinstance(item, Dropped) else encode(item)))
                pipe.send(("end", None))
            except (EOFError, BrokenPipeError, ConnectionResetError):
                raise
            except BaseException as error:
                full = _is_full(error)
                pipe.send(("refused", full) if full else ("failed", _told(error)))


def _end_with_parent() -> None:
    """The system ends this process when the other end of its standard input is closed.

    Nothing is ever written there, so that its only event is the end of the process that holds it.
    The signal needs no Python to run, which a decoder that hangs might keep from running.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([0], [], [], 0)[0]:  # it happened before
        sys.exit(1)


def _length(source: Source) -> float:
    """Seconds of media in a source, as far as can be told without decoding; a little for those
    before its span, which may have to be decoded too."""
    if source.end_s is not None and not source.path:  # it is drawn
        return source.end_s - source.start_s
    try:
        most = os.path.getsize(source.path) / _LEAST_BYTES
        if source.end_s is None:
            return min(_told_s(source.path), most)
        span_s = max(source.end_s - source.start_s, 0.0)
        return min(span_s, most) + _SKIPPED * min(source.start_s, most)
    except Exception:  # the maker will find out
        return 0.0


def _told_s(path: str) -> float:
    """Seconds that a file claims."""
    import av

    from playmate_jax.media.container import open_container, seconds

    with open_container(path, "a video") as container:
        return float(seconds(container.duration, Fraction(1, av.time_base)) or 0)


def _is_full(error: BaseException) -> str:
    """A sentence where the disk is full: that is not the source's fault."""
    return str(refusal(error, getattr(error, "filename", "") or "/tmp")) if is_full(error) else ""


def _told(error: BaseException) -> tuple[str, str]:
    """An error in one line that is the same in every run, and where it happened."""
    first = " ".join(str(error).split())[:300]
    line = f"{type(error).__name__}: {first}" if first else type(error).__name__
    return re.sub(r"0x[0-9a-f]+", "0x...", line), "".join(traceback.format_exception(error))
