"""A run owns its workdir: a second run in the same folder is refused.

The lock is the operating system's (`flock`) on a file in the workdir, so it ends with the process
however that ends, and a file that was left behind locks nothing.
"""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from playmate_jax.errors import UserError


@contextlib.contextmanager
def locked(workdir: Path) -> Iterator[None]:
    """Holds the lock of `workdir` inside the `with` block.

    Raises:
      UserError: another process holds it.
    """
    with (workdir / "run.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise UserError(
                f"expected a workdir that no other run uses, found {workdir} in use by "
                f"{file.read().strip() or 'another process'}: wait for its end, or take another"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
