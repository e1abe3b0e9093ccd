"""The folder of an export: checked before the work, and filled when everything has passed."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from playmate_jax.errors import UserError
from playmate_jax.paths import check_names, unfinished


def check_target(out: Path, paths: list[Path], overwrite: bool) -> None:
    """Makes the folder of these files.

    Raises:
      UserError: it cannot be written to, or holds one of the files and `overwrite` is False.
    """
    for path in paths:
        check_names(path)
    if out.exists() and not out.is_dir():
        raise UserError(f"expected a folder at {out}, found a file: give another --out")
    if existing := [path for path in paths if path.exists() and not overwrite]:
        raise UserError(
            f"expected no file at {existing[0]}, found one: give another --out, or --overwrite"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(out, error) from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise _refused(out, PermissionError(13, "Permission denied"))


def _refused(out: Path, error: OSError) -> UserError:
    return UserError(
        f"expected a folder that can be written at {out}, found: {error.strerror}: give another "
        "--out"
    )


@contextlib.contextmanager
def temporary(paths: list[Path]) -> Iterator[dict[Path, Path]]:
    """A temporary name for each path, renamed at the end; after an error they are deleted."""
    parts = {path: unfinished(path) for path in paths}
    try:
        yield parts
        for path, part in parts.items():
            os.replace(part, path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
