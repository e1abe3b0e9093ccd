"""Where a prepared folder can be: on a disk, or in a store that Beam's file systems reach.

Both classes have the same methods. A disk is used without Beam, whose local file system takes
brackets and question marks in names for patterns and does not report that a disk is full. What the
system refuses becomes a `UserError` of one sentence (`refusal`).
"""

import contextlib
import errno
import os
import shutil
from pathlib import Path

from playmate_jax.errors import UserError

_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: BaseException) -> bool:
    """Whether an error, of Python or of ArrayRecord, is that of a full disk."""
    named = isinstance(error, RuntimeError) and os.strerror(errno.ENOSPC) in str(error)
    return named or (isinstance(error, OSError) and error.errno in _FULL)


def refusal(error: BaseException, root: str) -> UserError:
    """The sentence for users about an operation on `root` that the system refused."""
    if is_full(error):
        return UserError(
            f"expected room in {root}, found the disk full: free some; the same command goes on "
            "from here"
        )
    reason = getattr(error, "strerror", None) or " ".join(str(error).split())
    return UserError(
        f"expected to read and write in {root}, found: {reason}; check the folder and its rights, "
        "and for an address such as gs:// that Beam's extra for it is installed"
    )


class Disk:
    """Files and folders of this machine, by path."""

    def join(self, root: str, *names: str) -> str:
        """The path of the file `names` below `root`."""
        return os.path.join(root, *names)

    def read(self, path: str, start: int, size: int) -> bytes | None:
        """`size` bytes of a file from `start`, -1: to its end; None if there is no such file."""
        try:
            with open(path, "rb") as file:
                file.seek(start)
                return file.read(size)
        except FileNotFoundError:
            return None

    def put(self, file: Path, path: str) -> None:
        """Moves a complete file to `path`, in one atomic step."""
        with open(file, "rb") as whole:
            os.fsync(whole.fileno())
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.replace(file, path)

    def size(self, path: str) -> int | None:
        """Bytes of a file; None if there is none."""
        try:
            return os.path.getsize(path)
        except FileNotFoundError:
            return None

    def names(self, folder: str) -> list[str]:
        """Names of the entries of a folder, sorted; none if there is no folder."""
        try:
            return sorted(os.listdir(folder))
        except FileNotFoundError:
            return []

    def remove(self, path: str) -> None:
        """Deletes a file, or a folder with everything in it; it need not exist."""
        if os.path.isdir(path):
            shutil.rmtree(path)
        Path(path).unlink(missing_ok=True)


class Remote:
    """Files of gs://, hdfs://, s3:// and whatever else Beam has a file system for.

    The methods are those of `Disk`. Beam is imported here, when it is needed: worker processes that
    decode videos are quicker to start without it.
    """

    def __init__(self):
        from apache_beam.io.filesystem import CompressionTypes
        from apache_beam.io.filesystems import FileSystems

        self._beam, self._plain = FileSystems, CompressionTypes.UNCOMPRESSED

    def join(self, root: str, *names: str) -> str:
        """The address of the file `names` below `root`."""
        return self._beam.join(root, *names)

    def read(self, path: str, start: int, size: int) -> bytes | None:
        """`size` bytes of a file from `start`, -1: to its end; None if there is no such file."""
        if not self._beam.exists(path):
            return None
        with self._beam.open(path, compression_type=self._plain) as file:
            file.seek(start)
            return file.read(size)

    def put(self, file: Path, path: str) -> None:
        """Copies a complete file to `path`, under a temporary name until all of it is there."""
        home, name = self._beam.split(path)
        part = self._beam.join(home, f".{name}.{file.parent.name}")  # a name used nowhere else
        with contextlib.suppress(OSError):  # it exists, or the store has no folders
            self._beam.mkdirs(home)
        with (
            open(file, "rb") as whole,
            self._beam.create(part, compression_type=self._plain) as there,
        ):
            shutil.copyfileobj(whole, there, 2**22)
        if self._beam.exists(path):  # not every store renames over a file
            self._beam.delete([path])
        self._beam.rename([part], [path])

    def size(self, path: str) -> int | None:
        """Bytes of a file; None if there is none."""
        (found,) = self._beam.match([path])
        return next((file.size_in_bytes for file in found.metadata_list), None)

    def names(self, folder: str) -> list[str]:
        """Names of the entries of a folder, sorted; none if there is no folder."""
        (found,) = self._beam.match([self.join(folder, "*")])
        return sorted(self._beam.split(file.path)[1] for file in found.metadata_list)

    def remove(self, path: str) -> None:
        """Deletes a file, or a folder with everything in it; it need not exist."""
        (inside,) = self._beam.match([self.join(path, "**")])
        if inside.metadata_list:
            self._beam.delete(sorted(file.path for file in inside.metadata_list))
        if self._beam.exists(path):  # a file; or the folder itself, where there are folders
            self._beam.delete([path])
