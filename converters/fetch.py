"""`playmate weights get`: published weights are downloaded, checked, converted and kept by name.

Read top to bottom: licence -> download into the hub's cache -> convert beside the place where the
weights will be -> note in the card where they came from -> rename. What was interrupted leaves
nothing of the final name.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import date
from importlib.util import find_spec
from pathlib import Path

from playmate_jax.converters import convert
from playmate_jax.errors import UserError, nearest
from playmate_jax.hub import bundles, download
from playmate_jax.hub.published import NOT_FETCHED, PUBLISHED, Published
from playmate_jax.hub.weights import add_to_card

HOUR_S = 3600
# A name of `PUBLISHED` -> its converter:
# (folder with the published files under their names in the repository, directory to write)
Converter = Callable[[Path, Path], object]


def _liveportrait(folder: Path, directory: Path) -> None:
    convert.to_jax(folder / "liveportrait", directory)


def _animals(folder: Path, directory: Path) -> None:
    """Converts without stitching and retargeting (trained on people), as the authors advise."""
    convert.to_jax(folder / "liveportrait_animals", directory)


def _whole(folder: Path, directory: Path) -> None:
    convert.to_jax(folder, directory)


CONVERTERS: dict[str, Converter] = {
    "liveportrait": _liveportrait,
    "liveportrait-animals": _animals,
    "joyvasa": _whole,
    "wav2vec2": _whole,
    "hubert": _whole,
    "hubert-chinese": _whole,
}


def get(
    name: str,
    *,
    revision: str = "",
    offline: bool = False,
    endpoint: str | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Path:
    """The weights directory of published weights, fetched and converted unless it is there.

    Args:
      name: of `PUBLISHED`.
      revision: instead of the pinned one.
      offline, endpoint, say: as in `download.fetch`.

    Raises:
      UserError: not known, not to be had, or not what it should be.
    """
    row = _row(name)
    target = bundles.cache_directory() / name
    if bundles.is_weights(target):
        say(f"{name}: already there, in {target}")
        return target
    if name not in CONVERTERS:
        raise UserError(
            f"expected a way to convert '{name}', found none in this version: update it"
        )
    say(f"{name}: {row.title}; licence {row.licence}; from {row.repository}")
    needs_torch = any(p.endswith((".pth", ".pt", ".bin")) for f in row.files for p in f.patterns)
    if needs_torch and find_spec("torch") is None:
        raise UserError(
            f"expected torch for converting '{name}', found none: pip install "
            "'playmate-jax[convert]'"
        )
    found = download.fetch(
        row.repository, row.files, revision or row.revision,
        pinned=revision in ("", row.revision), offline=offline, endpoint=endpoint, say=say,
    )  # fmt: skip
    stated = found.commit.licence
    if stated and stated.lower() != row.licence.lower():
        say(f"{name}: its repository states the licence {stated}")
    say(f"{name}: {len(found.paths)} files checked by sha256, converting")
    _sweep(target)
    try:
        _convert(name, row, found, target)
    except OSError as error:
        raise UserError(
            f"expected to write the weights '{name}' into '{target.parent}', but that failed "
            f"({error.strerror or error}): make room, or set XDG_CACHE_HOME to another folder"
        ) from None
    say(f"{name}: ready in {target}")
    return target


def _convert(name: str, row: Published, found: download.Download, target: Path) -> None:
    """Converts under a temporary name and renames."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_unfinished(target), dir=target.parent) as scratch:
        # The hub's cache may hold more of that repository than was asked for.
        source, made = Path(scratch, "source"), Path(scratch, name)
        for file, path in found.paths.items():
            (source / file).parent.mkdir(parents=True, exist_ok=True)
            (source / file).symlink_to(path.resolve())
        CONVERTERS[name](source, made)
        add_to_card(
            made,
            {
                "name": name,
                "title": row.title,
                "licence": row.licence,
                "source": f"https://huggingface.co/{found.commit.repository}",
                "revision": found.commit.revision,
                "source_sha256": found.sha256,
                "fetched": date.today().isoformat(),
            }
            | ({"licence_stated_by_source": found.commit.licence} if found.commit.licence else {}),
        )
        if not bundles.is_weights(target):  # another process may have been faster
            os.rename(made, target)


def _row(name: str) -> Published:
    if reason := NOT_FETCHED.get(name.lower().partition("/")[0]):
        raise UserError(f"'{name}' is never fetched: {reason}")
    if name not in PUBLISHED:
        raise UserError(
            f"expected published weights among {', '.join(PUBLISHED)}, or owner/name of a "
            f"repository in this project's layout, found '{name}'{nearest(name, PUBLISHED)}: "
            "choose one"
        )
    return PUBLISHED[name]


def _unfinished(target: Path) -> str:
    """The prefix of the names of unfinished conversions."""
    return f".{target.name}.part-"


def _sweep(target: Path) -> None:
    """Deletes folders left by killed conversions: those older than an hour."""
    for left in target.parent.glob(f"{_unfinished(target)}*"):
        if time.time() - left.stat().st_mtime > HOUR_S:
            shutil.rmtree(left, ignore_errors=True)
