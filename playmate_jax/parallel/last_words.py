"""A sentence on stderr for a process that cannot say it itself.

When a process of a job dies, JAX's C++ runtime aborts the others: no `except` and no `atexit` runs,
and a user can make little of what it prints. SIGKILL leaves no message at all. So a small shell
holds the other end of a pipe; when this process is gone, it prints the last line that it was given.
"""

from __future__ import annotations

import os
import subprocess

_SHELL = """
last=; while IFS= read -r line; do last=$line; done
[ -z "$last" ] || printf 'playmate: %s\\n' "$last" >&2
"""


class LastWords:
    """What will be printed if this process ends now, and who prints it."""

    def __init__(self, sentence: str):
        # A session of its own: signals for this process's group must not end the shell too.
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _SHELL],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._shell.stdin is not None
        self._pipe = self._shell.stdin.fileno()
        # A forked worker process that outlives this one would keep the pipe open.
        os.register_at_fork(after_in_child=self._forget)
        self.are(sentence)

    def _forget(self) -> None:
        pipe, self._pipe = self._pipe, -1
        if pipe >= 0:
            os.close(pipe)

    def are(self, sentence: str) -> None:
        """Replaces the sentence; "" for none."""
        try:
            os.write(self._pipe, sentence.replace("\n", " ").encode() + b"\n")
        except OSError:  # the shell is gone: the process goes on without it
            pass
