"""The command `playmate`: parses arguments, runs a subcommand, returns an exit code.

    0    success
    1    a defect of the program or of the machine (one sentence; `--debug` shows the traceback)
    2    bad input: `UserError` (one sentence)
    130  stopped by Ctrl-C; 143 stopped by SIGTERM. Incomplete files are removed; `animate` keeps
         what was written before a Ctrl-C under another name. Training saves a checkpoint first
         and returns 130 in both cases

Heavy packages are imported only after the arguments were parsed: `playmate --help` is instant.
"""

import atexit
import contextlib
import errno
import os
import signal
import sys
from collections.abc import Sequence

from playmate_jax.errors import UserError

_LAUNCHED = "PLAYMATE_LAUNCHED"
_HEAVY = ("animate", "batch", "serve", "train", "prepare", "evaluate", "benchmark", "export")
_LINES = 5  # shown of a message; --debug shows all of it
_LISTED = 100  # shown differences between two trees of names, a line each
# XLA:CPU allocates its temporaries anew at each call, and glibc would map and unmap them each time,
# which costs up to 40 % of the run time. glibc reads these before main(), hence the second exec.
_ENVIRONMENT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "64000000000",
    "MALLOC_TOP_PAD_": "268435456",
    "MALLOC_ARENA_MAX": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",  # hides XLA's messages about cached programs
}


def main() -> None:
    """Entry point of the console script `playmate`: runs it and exits the process."""
    if sys.argv[1:2] and sys.argv[1] in _HEAVY and "--help" not in sys.argv:
        _launch_once()
    status: list[int] = []
    if sys.argv[1:2] == ["train"]:
        atexit.register(_end, status)  # the first to be registered is the last to run
    status.append(run(sys.argv[1:]))
    sys.exit(status[0])


def run(argv: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; no traceback is shown without `--debug`."""
    debug = "--debug" in argv
    try:
        _raise_on_terminate()
        from playmate_jax.cli.arguments import parse  # inside try: Ctrl-C may arrive already

        args = parse(list(argv) or ["--help"])
        return int(args.command(args) or 0)
    except UserError as error:
        if debug:
            raise
        return _say(error, 2)
    except KeyboardInterrupt as stop:
        return _say(str(stop) or "stopped; no incomplete file was left", 130)
    except BrokenPipeError:  # `playmate ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except SystemExit as stop:  # argparse's --help and --version, or a termination
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except Exception as error:
        if debug:
            raise
        if (sentence := _too_long(error)) is not None:
            return _say(sentence, 2)
        what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return _say(f"unexpected {what} (--debug shows where)", 1)


def _end(status: list[int]) -> None:
    """Ends the process after all other exit handlers, without freeing JAX object by object: that
    takes a second, several where other processes compete, of the few that a SIGTERM leaves."""
    if status:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status[0])


def _too_long(error: Exception) -> UserError | None:
    """The error message for a name that is too long for the file system, else None."""
    if getattr(error, "errno", None) != errno.ENAMETOOLONG:
        return None
    from playmate_jax.paths import check_names

    try:
        check_names(str(getattr(error, "filename", None) or ""))
    except UserError as sentence:
        return sentence
    return None


def _say(message: object, code: int) -> int:
    """Prints a message's first lines as one, and below it those that start with + - ! or ~."""
    lines = str(message).splitlines()
    listed = [line for line in lines if line.lstrip()[:2] in ("+ ", "- ", "! ", "~ ")]
    lines = [line for line in lines if line not in listed]
    if len(lines) > _LINES:
        lines = [*lines[:_LINES], f"and {len(lines) - _LINES} more (--debug shows all)"]
    if len(listed) > _LISTED:
        listed = [*listed[:_LISTED], f"  and {len(listed) - _LISTED} more (--debug shows all)"]
    print(f"playmate: {' '.join(' '.join(lines).split())}", *listed, sep="\n", file=sys.stderr)
    return code


class _Termination:
    """A handler that unwinds the stack, so that temporary files are removed.

    A library that is being imported may swallow what is raised: `arrived` says so to whoever
    installs the next handler (training/stop.py).
    """

    arrived = False

    def __call__(self, signum: int, frame: object) -> None:
        self.arrived = True
        raise SystemExit(128 + signum)


def _raise_on_terminate() -> None:
    """Makes SIGTERM unwind the stack."""
    try:
        signal.signal(signal.SIGTERM, _Termination())
    except ValueError:  # not the main thread: the signals belong to the embedding program
        pass


def _launch_once() -> None:
    """Starts the same command again with the environment above, once, on Linux with glibc."""
    if _LAUNCHED in os.environ or not sys.platform.startswith("linux"):
        return
    try:
        glibc = bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (ValueError, OSError):
        glibc = False
    missing = {name: value for name, value in _ENVIRONMENT.items() if name not in os.environ}
    if not glibc or not missing:
        return
    environment = {**os.environ, **missing, _LAUNCHED: "1"}
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
    except OSError:  # only slower
        pass
