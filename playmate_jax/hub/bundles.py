"""Where weights are: a name, a folder or a hub id -> its parts (layout in weights/README.md).

find_parts("demo")                        shipped: renderer and generator
find_parts("liveportrait", "joyvasa")     fetched by name: `playmate weights get`
find_parts("runs/mine")                   a folder with renderer/ and generator/, or one part
find_parts("owner/name@revision")         the same on the Hugging Face hub, fetched on first use
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from playmate_jax.errors import UserError, nearest
from playmate_jax.hub.published import NOT_FETCHED, PUBLISHED

SHIPPED = Path(__file__).resolve().parents[1] / "weights"
PARTS = ("renderer", "generator")
SPEECH = "speech"  # a third folder, of generators that were trained on a pretrained encoder
KINDS_OF_SPEECH = ("wav2vec2", "hubert")
WEIGHTS_FILES = ("config.json", "params.safetensors", "card.json")


def cache_directory() -> Path:
    """Where fetched weights are kept by name: `$XDG_CACHE_HOME/playmate_jax/weights`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "playmate_jax/weights"


def is_weights(folder: Path) -> bool:
    """Whether `hub/weights.py` wrote it."""
    return all((folder / name).is_file() for name in WEIGHTS_FILES)


def shipped_names() -> list[str]:
    """Names of weights that come with the package."""
    return sorted(p.name for p in SHIPPED.iterdir() if (p / PARTS[0]).is_dir())


def cached_names() -> list[str]:
    """Names of weights that were fetched."""
    cache = cache_directory()
    folders = cache.iterdir() if cache.is_dir() else ()
    return sorted(p.name for p in folders if not p.name.startswith(".") and is_weights(p))


def find_folder(given: str | Path) -> Path:
    """The folder of a name or of a hub id, or a folder itself.

    Raises:
      UserError: there is none.
    """
    name, names = str(given), [*shipped_names(), *cached_names()]
    if name in names:
        return (SHIPPED if name in shipped_names() else cache_directory()) / name
    if Path(given).is_dir():
        return Path(given)
    if name in PUBLISHED:
        raise UserError(
            f"expected the weights '{name}' on this machine, found that they were not fetched: run "
            f"'playmate weights get {name}'"
        )
    if name in NOT_FETCHED:
        raise UserError(f"'{name}' is nothing to animate with: {NOT_FETCHED[name]}")
    if isinstance(given, str):
        from playmate_jax.hub import download

        if download.split_id(given):
            return download.fetch_bundle(given)
    known = f"a folder, owner/name on the hub, or one of {', '.join(names)}"
    raise UserError(
        f"expected weights as {known}, found no '{name}'{nearest(name, [*names, *PUBLISHED])}: "
        "check the name"
    )


def find_bundle(given: str | Path) -> dict[str, Path]:
    """Part -> weights directory, of whatever parts are there: at least one.

    Raises:
      UserError: no such weights, or none in that folder.
    """
    folder = find_folder(given)
    if is_weights(folder):
        return {part_of(folder): folder}
    parts = {p: folder / p for p in (*PARTS, SPEECH) if (folder / p).is_dir()}
    if not parts:
        raise UserError(
            f"expected the folders {' and '.join(PARTS)} in the weights '{folder}', found neither: "
            "give a complete folder"
        )
    return parts


def find_parts(
    weights: str | Path = "demo", generator: str | Path | None = None
) -> dict[str, Path]:
    """Renderer and generator, from one place or two, and the speech encoder if it has a folder.
    A renderer alone is enough for reenactment.

    Args:
      generator: where the generator is, instead of the one in `weights`.

    Raises:
      UserError: no renderer, or no generator where one is named.
    """
    parts = find_bundle(weights)
    if PARTS[0] not in parts:
        raise UserError(
            f"expected a renderer in the weights '{weights}', found {_listed(parts)}: give these "
            "as the generator (--generator) and a renderer as the weights"
        )
    if generator is not None:
        parts = {PARTS[0]: parts[PARTS[0]], **{
            part: folder for part, folder in find_bundle(generator).items() if part != PARTS[0]
        }}  # fmt: skip
        if PARTS[1] not in parts:
            raise UserError(
                f"expected a motion generator in '{generator}', found none: give the folder or the "
                "name of one, such as joyvasa or demo"
            )
    if PARTS[1] not in parts:
        return parts
    fetched = cache_directory() / _speech_of(parts[PARTS[1]])
    if SPEECH not in parts and is_weights(fetched):
        parts[SPEECH] = fetched
    return parts


def speech_directory(name: str, generator: Path) -> Path:
    """Weights of the speech encoder that a generator was trained with: beside it, or fetched.

    Args:
      name: what the generator's configuration calls it ("wav2vec2", "hubert").
      generator: the generator's weights directory.

    Raises:
      UserError: neither place has it.
    """
    for folder in (generator.parent / SPEECH, cache_directory() / name):
        if is_weights(folder):
            return folder
    raise UserError(
        f"expected the speech encoder '{name}', with which the generator in '{generator}' was "
        f"trained, found it neither beside that nor fetched: run 'playmate weights get {name}'"
    )


def _speech_of(generator: Path) -> str:
    """The speech encoder that a generator's configuration names; a layer may follow a slash."""
    return str(read_config(generator).get("speech", "none")).partition("/")[0]


def part_of(directory: Path) -> str:
    """What a weights directory is a part of: "renderer", "generator" or "speech"."""
    kind = read_config(directory).get("kind", PARTS[0])
    if kind in KINDS_OF_SPEECH:
        return SPEECH
    return PARTS[0] if kind == PARTS[0] else PARTS[1]


def read_card(directory: Path) -> dict[str, Any]:
    """The card alone, without the weights."""
    return _read(directory / "card.json")


def read_config(directory: Path) -> dict[str, Any]:
    return _read(directory / "config.json")


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        raise UserError(
            f"expected a readable {path.name} in '{path.parent}', found none: the weights are "
            "damaged, fetch them again"
        ) from None


def size_of(folder: Path) -> int:
    """Bytes of a folder's files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def remove(name: str) -> tuple[Path, int]:
    """Deletes fetched weights; (the folder that went, its bytes). What the hub's own cache holds
    stays there.

    Raises:
      UserError: shipped weights, or none of that name.
    """
    if name in shipped_names() and name not in cached_names():
        raise UserError(f"expected fetched weights, found that '{name}' ships with the package: "
                        "it is not removed")  # fmt: skip
    if name not in cached_names():
        known = ", ".join(cached_names()) or "none was fetched"
        raise UserError(
            f"expected the name of fetched weights ({known}), found '{name}'"
            f"{nearest(name, cached_names())}: see 'playmate weights list'"
        )
    folder = cache_directory() / name
    size = size_of(folder)
    going = folder.with_name(f".{name}.part-removed-{os.getpid()}")  # at once, then file by file
    os.rename(folder, going)
    shutil.rmtree(going)
    return folder, size


def _listed(parts: dict[str, Path]) -> str:
    return "only " + " and ".join(f"a {part}" for part in parts)
