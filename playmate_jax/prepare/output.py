"""The prepared folder: every file in it appears whole, and refusals of the system are sentences.

A file is written in a folder of this machine, on the same disk where the prepared folder is on a
disk, and then takes its place. What a preparation needs while it runs is kept in `WORK`, which is
deleted at the end.
"""

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playmate_jax.errors import UserError
from playmate_jax.prepare.stores import Disk, Remote, is_full, refusal

WORK = ".prepare"
_LOCK = "lock"


class Output:
    """A folder to write to; names are relative to it, with "/" between their parts.

    Args:
      root: a path, or the address of a folder in a file system that Beam knows.

    Raises:
      UserError: here and in every method, for an operation that the system refuses.
    """

    def __init__(self, root: str):
        self.local = not re.match(r"[A-Za-z][\w+.-]*://.", root)
        self.root = os.path.abspath(root) if self.local else root
        self._store: Disk | Remote = Disk() if self.local else Remote()
        if not self.local:
            from apache_beam.io.filesystems import FileSystems

            try:
                FileSystems.get_filesystem(self.root)
            except ValueError as error:
                raise refusal(error, self.root) from None

    def path(self, name: str) -> str:
        """The whole path or address of a file."""
        return self._store.join(self.root, *name.split("/"))

    def read(self, name: str, start: int = 0, size: int = -1) -> bytes | None:
        """A file's bytes, or `size` of them from `start`; None if there is no such file."""
        with self._refusals():
            return self._store.read(self.path(name), start, size)

    def write(self, name: str, data: bytes) -> None:
        """Writes a file, or replaces one, in one step."""
        with self.scratch() as scratch:
            part = scratch / "part"
            part.write_bytes(data)
            self.put(part, name)

    def put(self, file: Path, name: str) -> None:
        """Moves a complete file of `scratch()` to its place."""
        with self._refusals():
            self._store.put(file, self.path(name))

    def size(self, name: str) -> int | None:
        """Bytes of a file; None if there is none."""
        with self._refusals():
            return self._store.size(self.path(name))

    def names(self, folder: str = "") -> list[str]:
        """Names of the entries of a folder, sorted; none if there is no folder."""
        with self._refusals():
            return self._store.names(self.path(folder) if folder else self.root)

    def clear(self, *names: str) -> None:
        """Deletes files and folders, in this order; none of them need exist."""
        with self._refusals():
            for name in names:
                self._store.remove(self.path(name))

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder of this machine with a name used nowhere else; it is deleted afterwards."""
        with self._refusals():
            home = Path(self.path(WORK)) if self.local else None
            if home is not None:
                home.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix="part-", dir=home))
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps other preparations out of a folder on a disk while this process holds it.

        Remote folders have no lock: two preparations of one do the work twice, and write the same.

        Raises:
          UserError: another preparation holds it.
        """
        if not self.local:
            yield
            return
        path = self.path(f"{WORK}/{_LOCK}")
        with self._refusals():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"expected {self.root} for this run alone, found another 'playmate prepare' "
                    "at work in it: wait for it, or give another --out"
                ) from None
            for name in self.names(WORK):
                if name.startswith("part-"):  # of a run that was killed
                    self.clear(f"{WORK}/{name}")
            try:
                yield
            finally:  # also where the folder was refused: it may be anybody's
                if self.names(WORK) == [_LOCK]:
                    self.clear(WORK)
        finally:
            os.close(file)

    def clear_work(self) -> None:
        """Deletes what only an unfinished preparation needs; a held lock stays."""
        if not self.local:
            return self.clear(WORK)
        self.clear(*(f"{WORK}/{name}" for name in self.names(WORK) if name != _LOCK))

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        """Turns errors of the system into `UserError`."""
        try:
            yield
        except UserError:
            raise
        except (OSError, RuntimeError) as error:
            if not isinstance(error, OSError) and not is_full(error):
                raise
            raise refusal(error, self.root) from error
