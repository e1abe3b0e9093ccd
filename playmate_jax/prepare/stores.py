"""Where a prepared folder can be: on a disk, or in a store that Beam's file systems reach.

Both do the same few things. On a disk it is done without Beam, whose local file system takes
brackets and question marks in names for patterns and does not say that a disk is full.
"""

import contextlib
import os
import shutil
from pathlib import Path

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

_PLAIN = CompressionTypes.UNCOMPRESSED


class Disk:
    """Folders and files of this machine."""

    def join(self, root: str, *names: str) -> str:
        """A path."""
        return os.path.join(root, *names)

    def read(self, path: str, start: int, size: int) -> bytes | None:
        """`size` bytes of a file from `start`, -1: all; None where there is no such file."""
        try:
            with open(path, "rb") as file:
                file.seek(start)
                return file.read(size)
        except FileNotFoundError:
            return None

    def put(self, file: Path, path: str) -> None:
        """Moves a file, whole, to its place."""
        with open(file, "rb") as whole:
            os.fsync(whole.fileno())
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.replace(file, path)

    def size(self, path: str) -> int | None:
        """Bytes of a file; None where there is none."""
        try:
            return os.path.getsize(path)
        except FileNotFoundError:
            return None

    def names(self, folder: str) -> list[str]:
        """What a folder holds."""
        try:
            return sorted(os.listdir(folder))
        except FileNotFoundError:
            return []

    def remove(self, path: str) -> None:
        """Deletes a file, or a folder with all that is in it."""
        if os.path.isdir(path):
            shutil.rmtree(path)
        Path(path).unlink(missing_ok=True)


class Remote:
    """gs://, hdfs://, s3:// and whatever else Beam has a file system for."""

    def join(self, root: str, *names: str) -> str:
        """An address."""
        return FileSystems.join(root, *names)

    def read(self, path: str, start: int, size: int) -> bytes | None:
        """As `Disk.read`."""
        if not FileSystems.exists(path):
            return None
        with FileSystems.open(path, compression_type=_PLAIN) as file:
            file.seek(start)
            return file.read(size)

    def put(self, file: Path, path: str) -> None:
        """Copies a file, under another name until it is whole."""
        home, name = FileSystems.split(path)
        part = FileSystems.join(home, f".{name}.{file.parent.name}")  # nowhere else of that name
        with contextlib.suppress(OSError):  # it is there, or the store has no folders
            FileSystems.mkdirs(home)
        with open(file, "rb") as whole, FileSystems.create(part, compression_type=_PLAIN) as there:
            shutil.copyfileobj(whole, there, 2**22)
        if FileSystems.exists(path):  # not every store renames over a file
            FileSystems.delete([path])
        FileSystems.rename([part], [path])

    def size(self, path: str) -> int | None:
        """As `Disk.size`."""
        (found,) = FileSystems.match([path])
        return next((file.size_in_bytes for file in found.metadata_list), None)

    def names(self, folder: str) -> list[str]:
        """As `Disk.names`."""
        (found,) = FileSystems.match([self.join(folder, "*")])
        return sorted(FileSystems.split(file.path)[1] for file in found.metadata_list)

    def remove(self, path: str) -> None:
        """As `Disk.remove`."""
        (inside,) = FileSystems.match([self.join(path, "**")])
        if inside.metadata_list:
            FileSystems.delete(sorted(file.path for file in inside.metadata_list))
        if FileSystems.exists(path):  # a file; or the folder itself, where there are folders
            FileSystems.delete([path])
