"""Lengths of file names: most file systems allow 255 bytes each, whatever the characters."""

import os
import secrets
from pathlib import Path

from playmate_jax.errors import UserError

_USUAL_LIMIT = 255


def check_names(path: str | os.PathLike) -> None:
    """Checks the lengths of names before a path is written.

    Raises:
      UserError: a name in `path`, or all of it, is too long for the file system there.
    """
    path = Path(path)
    for part in path.parts:
        limit = _limit(path.parent)
        if (size := len(os.fsencode(part))) > limit and part != path.anchor:
            raise UserError(
                f"expected names of at most {limit} bytes, found one of {size}, "
                f"'{shortened([part], '', 40)}...': shorten it"
            )
    if (size := len(os.fsencode(os.path.abspath(path)))) >= os.pathconf("/", "PC_PATH_MAX"):
        raise UserError(
            f"expected a path that the file system allows, found one of {size} bytes: shorten it"
        )


def shortened(stems: list[str], suffix: str, limit: int = _USUAL_LIMIT) -> str:
    """A file name of at most `limit` bytes: the stems joined by hyphens, and the suffix.

    If that is too long, the longest stems are cut at their ends, by whole characters.
    """
    sizes = [len(os.fsencode(stem)) for stem in stems]
    room = limit - len(os.fsencode(suffix)) - (len(stems) - 1)
    while sum(sizes) > room:
        sizes[sizes.index(max(sizes))] -= 1
    cut = [os.fsencode(stem)[:size] for stem, size in zip(stems, sizes, strict=True)]
    return "-".join(part.decode(errors="ignore") for part in cut) + suffix


def unfinished(path: Path) -> Path:
    """A temporary name beside `path`, with its suffix, for a file that is renamed when complete.

    It is short, however long the name of `path` is.
    """
    return path.with_name(f".{secrets.token_hex(6)}.part{path.suffix}")


def _limit(folder: Path) -> int:
    """The longest name, in bytes, in the nearest folder that exists."""
    for place in (folder, *folder.parents):
        try:
            return os.pathconf(place, "PC_NAME_MAX")
        except OSError:
            continue
    return _USUAL_LIMIT
