"""Names that a file system takes: at most 255 bytes each on most, whatever the letters."""

import os
import secrets
from pathlib import Path

from playmate_jax.errors import UserError

_USUAL_LIMIT = 255


def check_names(path: str | os.PathLike) -> None:
    """Raises `UserError` where a file or folder of a path to be written has a name that the file
    system there does not take, or all of them together are too long."""
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
            f"expected a path that the file system takes, found one of {size} bytes: shorten it"
        )


def shortened(stems: list[str], suffix: str, limit: int = _USUAL_LIMIT) -> str:
    """The stems joined by hyphens, and the suffix: at most `limit` bytes, all of it where it fits;
    else the longest stems lose their ends, by whole letters."""
    sizes = [len(os.fsencode(stem)) for stem in stems]
    room = limit - len(os.fsencode(suffix)) - (len(stems) - 1)
    while sum(sizes) > room:
        sizes[sizes.index(max(sizes))] -= 1
    cut = [os.fsencode(stem)[:size] for stem, size in zip(stems, sizes, strict=True)]
    return "-".join(part.decode(errors="ignore") for part in cut) + suffix


def unfinished(path: Path) -> Path:
    """A file beside `path`, to be written first and renamed: its name is short, however long the
    other's is, and keeps the suffix."""
    return path.with_name(f".{secrets.token_hex(6)}.part{path.suffix}")


def _limit(folder: Path) -> int:
    """Of the nearest folder that exists."""
    for place in (folder, *folder.parents):
        try:
            return os.pathconf(place, "PC_NAME_MAX")
        except OSError:
            continue
    return _USUAL_LIMIT
