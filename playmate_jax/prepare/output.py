"""The prepared folder: files that appear whole, and complaints that a user understands.

A file is written in a folder of this machine, on the same disk where OUT is on a disk, and then
takes its place. What a preparation needs while it runs is kept in `WORK`, which goes at the end.
"""

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from apache_beam.io.filesystems import FileSystems

from playmate_jax.errors import UserError
from playmate_jax.prepare.refusals import is_full, refusal
from playmate_jax.prepare.stores import Disk, Remote

WORK = ".prepare"
_LOCK = "lock"


class Output:
    """A folder to write to; names are relative to it, with "/" between their parts.

    Args:
      root: a path, or the address of a folder in a file system that Beam knows.

    Raises:
      UserError: here and in every method, what the system refuses.
    """

    def __init__(self, root: str):
        self.local = not re.match(r"[A-Za-z][\w+.-]*://.", root)
        self.root = os.path.abspath(root) if self.local else root
        self._store: Disk | Remote = Disk() if self.local else Remote()
        try:
            FileSystems.get_filesystem(self.root)
        except ValueError as error:
            raise refusal(error, self.root) from None

    def path(self, name: str) -> str:
        """The whole path or address of a file."""
        return self._store.join(self.root, *name.split("/"))

    def read(self, name: str, start: int = 0, size: int = -1) -> bytes | None:
        """A file's bytes, or `size` of them from `start`; None where there is no such file."""
        with self._told():
            return self._store.read(self.path(name), start, size)

    def write(self, name: str, data: bytes) -> None:
        """Writes a whole file, or replaces one."""
        with self.scratch() as scratch:
            part = scratch / "part"
            part.write_bytes(data)
            self.put(part, name)

    def put(self, file: Path, name: str) -> None:
        """Gives a file of `scratch()` its place."""
        with self._told():
            self._store.put(file, self.path(name))

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""
        with self._told():
            return self._store.size(self.path(name))

    def names(self, folder: str = "") -> list[str]:
        """The names in a folder."""
        with self._told():
            return self._store.names(self.path(folder) if folder else self.root)

    def clear(self, *names: str) -> None:
        """Deletes files and folders; none need be there."""
        with self._told():
            for name in names:
                self._store.remove(self.path(name))

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder of this machine, of a name that is nowhere else, gone afterwards."""
        with self._told():
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
        """Keeps a second preparation out of a folder on a disk for as long as this process lives.

        The rest of `WORK` goes when `clear_work` was called. Elsewhere there is no lock: two
        preparations there do the work twice, and write the same.
        """
        if not self.local:
            yield
            return
        path = self.path(f"{WORK}/{_LOCK}")
        with self._told():
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
        """Deletes what only an unfinished preparation needs."""
        if not self.local:
            return self.clear(WORK)
        self.clear(*(f"{WORK}/{name}" for name in self.names(WORK) if name != _LOCK))

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What the system refuses becomes a `UserError`."""
        try:
            yield
        except UserError:
            raise
        except (OSError, RuntimeError) as error:
            if not isinstance(error, OSError) and not is_full(error):
                raise
            raise refusal(error, self.root) from error
