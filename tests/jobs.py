"""Programs of several processes, as a launcher would start them."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# What a launcher around the tests may have left.
LAUNCHERS = ("PLAYMATE_", "SLURM_", "OMPI_", "JOB_COMPLETION_INDEX")


def environment(**values: str) -> dict[str, str]:
    """This environment on one CPU device, without a launcher's variables, and with `values`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(LAUNCHERS) and k != "XLA_FLAGS"}
    return {**kept, "JAX_PLATFORMS": "cpu", "PYTHONUNBUFFERED": "1", **values}


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(code: str, processes: int = 2, started: int | None = None) -> list[subprocess.Popen]:
    """Starts the first `started` processes (all by default) of a job that runs `code`."""
    coordinator = f"127.0.0.1:{free_port()}"
    return [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=environment(
                PLAYMATE_COORDINATOR=coordinator,
                PLAYMATE_PROCESSES=str(processes),
                PLAYMATE_PROCESS=str(number),
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(processes if started is None else started)
    ]


def ends(job: list[subprocess.Popen], timeout_s: float = 120) -> list[tuple[int, str, str]]:
    """Exit code, stdout and stderr of every process; those that do not end in time are killed."""
    try:
        found = [process.communicate(timeout=timeout_s) for process in job]
    finally:
        for process in job:
            process.kill()
    return [
        (process.returncode, _without_gloo(out), err)
        for process, (out, err) in zip(job, found, strict=True)
    ]


def wait_for(process: subprocess.Popen, line: str) -> None:
    """Reads the process's stdout up to a line; fails if there is none."""
    assert process.stdout
    assert any(found == line + "\n" for found in process.stdout), f"ended without '{line}'"


def _without_gloo(out: str) -> str:
    """The collectives' library tells of its connections on stdout."""
    return "".join(x for x in out.splitlines(keepends=True) if not x.startswith("[Gloo]"))
