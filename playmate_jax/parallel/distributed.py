"""Several processes as one job of JAX: joining it, deciding together, and leaving it with a reason.

Without a launcher's variables in the environment (parallel/cluster.py) there is one process, and
nothing here communicates. When a process of a job dies, every other one is out within 30 s, by an
exception or aborted by JAX's runtime, and says so on stderr; a restart resumes the run.
"""

from __future__ import annotations

import atexit
import errno
import os
import socket
from collections.abc import Callable, Mapping
from typing import TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from playmate_jax.errors import UserError
from playmate_jax.parallel.cluster import Job, job_of
from playmate_jax.parallel.last_words import LastWords

Result = TypeVar("Result")
# A silent process counts as dead after this time; JAX's default is 100 s.
_HEARTBEAT_S = 20
# A process that ends waits so long for the others to end. What takes longer on one of them alone
# must be `agreed`, which has no limit.
_SHUTDOWN_S = 20
_MESSAGE_BYTES = 4096


def initialize(environment: Mapping[str, str] = os.environ, timeout_s: int = 300) -> Job:
    """Joins the job that the environment describes; call it before any other use of JAX.

    JAX's own handler of SIGTERM is not installed: the training loop owns that signal.

    Args:
      timeout_s: how long the processes of a job wait for each other to start.

    Returns:
      the place of this process in the job; that of a single process where there is no launcher.

    Raises:
      UserError: the environment is contradictory, process 0's port is taken, or the processes did
        not become one job.
    """
    job = job_of(environment)
    if job.processes == 1:
        return job
    if job.process == 0:
        _check_port(job.coordinator)
    me = f"process {job.process} of {job.processes}"
    words = LastWords(
        f"expected {job.processes} processes to meet at {job.coordinator} within {timeout_s} s, "
        f"found not all of them ({me} waited): start all, each able to reach that address"
    )
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(
            job.coordinator,
            job.processes,
            job.process,
            list(job.local_devices) if job.local_devices else None,
            cluster_detection_method="deactivate",
            initialization_timeout=timeout_s,
            heartbeat_timeout_seconds=_HEARTBEAT_S,
            shutdown_timeout_seconds=_SHUTDOWN_S,
        )
    except BaseException:
        words.are("")  # the exception says it
        raise
    words.are(
        f"{me} was killed, or ended because another process of the job died: the first one to end "
        "says why; the same command resumes the run"
    )
    atexit.register(_leave, words, me)
    if jax.process_count() != job.processes:
        raise UserError(
            f"expected {job.processes} processes, found that JAX sees {jax.process_count()}: "
            "check JAX_PLATFORMS, and that all run the same version"
        )
    return job


def is_main() -> bool:
    """Whether this is process 0, which alone writes logs, exports and statistics."""
    return jax.process_index() == 0


def agreed(action: Callable[[], Result]) -> Result | None:
    """Runs the action on process 0 while the others wait; all go on, or all raise.

    Every process must call it, in the same order as any other communication.

    Returns:
      the action's result on process 0, None on the others.

    Raises:
      UserError: the action raised it on process 0: the same sentence on all.
      RuntimeError: it raised something else, which process 0 raises itself.
    """
    if jax.process_count() == 1:
        return action()
    result, error = None, None
    if is_main():
        try:
            result = action()
        except Exception as raised:
            error = raised
    text = _broadcast(_as_text(error))
    if error is not None:
        raise error
    if text.startswith("UserError "):
        raise UserError(text.removeprefix("UserError "))
    if text:
        raise RuntimeError(f"process 0: {text}")
    return result


def any_process(flag: bool) -> bool:
    """Whether the flag is set on any process; every process must call it."""
    if jax.process_count() == 1:
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.asarray(flag))))


def _as_text(error: Exception | None) -> str:
    """An error's class and message; "" for none. Subclasses of UserError count as UserError."""
    if error is None:
        return ""
    name = "UserError" if isinstance(error, UserError) else type(error).__name__
    return f"{name} {error}"


def _broadcast(text: str) -> str:
    """The text of process 0, on every process; cut where it is very long."""
    data = text.encode()[:_MESSAGE_BYTES].ljust(_MESSAGE_BYTES, b"\0")
    array = multihost_utils.broadcast_one_to_all(np.frombuffer(data, np.uint8))
    return np.asarray(array).tobytes().rstrip(b"\0").decode(errors="ignore")


def _check_port(coordinator: str) -> None:
    """Raises UserError if the port is taken: JAX's service would crash without a sentence."""
    port = coordinator.rpartition(":")[2]
    if not port.isdecimal():
        raise UserError(f"expected HOST:PORT in PLAYMATE_COORDINATOR, found '{coordinator}'")
    with socket.socket(socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", int(port)))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return
            raise UserError(
                f"expected port {port} of process 0 to be free, found it in use: end the other "
                "job, or set PLAYMATE_COORDINATOR=HOST:PORT to another port"
            ) from None


def _leave(words: LastWords, me: str) -> None:
    """Ends the job together with the other processes; at the interpreter's exit."""
    words.are(
        f"{me} ended, but not all the others within {_SHUTDOWN_S} s: the first one to end says "
        "why; the same command resumes the run"
    )
    jax.distributed.shutdown()
    words.are("")
