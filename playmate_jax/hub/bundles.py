"""Finding weights: from a name, a folder or a hub id to its parts (layout: weights/README.md).

find_parts("demo")                        shipped: renderer and generator
find_parts("liveportrait", "joyvasa")     fetched by name: `playmate weights get`
find_parts("runs/mine")                   a folder with renderer/ and generator/, or a renderer
find_parts("owner/name@revision")         such a folder on the hub, fetched on first use
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from playmate_jax.errors import UserError, nearest
from playmate_jax.hub.published import NOT_FETCHED, PUBLISHED

SHIPPED = Path(__file__).resolve().parents[1] / "weights"
METRICS = SHIPPED / "metrics"  # the demo world's own networks of the metrics
PARTS = ("renderer", "generator")
SPEECH = "speech"  # a third part, where a generator was trained on a pretrained encoder
KINDS_OF_SPEECH = ("wav2vec2", "hubert")
WEIGHTS_FILES = ("config.json", "params.safetensors", "card.json")


def cache_directory() -> Path:
    """Where fetched weights are kept by name: `$XDG_CACHE_HOME/playmate_jax/weights`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "playmate_jax/weights"


def is_weights(folder: Path) -> bool:
    """Whether a folder holds one network's weights, as `hub/weights.py` writes them."""
    return all((folder / name).is_file() for name in WEIGHTS_FILES)


def shipped_names() -> list[str]:
    """Names of the weights that ship with the package, sorted."""
    return sorted(p.name for p in SHIPPED.iterdir() if (p / PARTS[0]).is_dir())


def cached_names() -> list[str]:
    """Names of the weights in the cache of fetched weights, sorted."""
    cache = cache_directory()
    folders = cache.iterdir() if cache.is_dir() else ()
    return sorted(p.name for p in folders if not p.name.startswith(".") and is_weights(p))


def find_folder(given: str | Path) -> Path:
    """The folder of weights.

    Args:
      given: the name of shipped or fetched weights, a folder, or "owner/name@revision" on the hub,
        which is downloaded on first use.

    Raises:
      UserError: there are no such weights, or they were not fetched.
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
        raise UserError(f"'{name}' is never fetched: {NOT_FETCHED[name]}")
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
    """The weights directories of the parts that exist, by part: at least one.

    Args:
      given: as in `find_folder`.

    Raises:
      UserError: there are no such weights, or the folder holds no part.
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
    """The weights directories of the renderer and, where they exist, the generator and its speech
    encoder, by part. A renderer alone is enough for reenactment.

    Args:
      weights: as in `find_folder`; must hold a renderer.
      generator: as in `find_folder`; replaces the generator in `weights`.

    Raises:
      UserError: there is no renderer, or no generator in `generator`.
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
    """The weights directory of the speech encoder that a generator was trained with: the folder
    `speech` beside the generator's, or else fetched weights.

    Args:
      name: its name in the generator's configuration ("wav2vec2", "hubert").
      generator: the generator's weights directory.

    Raises:
      UserError: neither exists.
    """
    for folder in (generator.parent / SPEECH, cache_directory() / name):
        if is_weights(folder):
            return folder
    raise UserError(
        f"expected the speech encoder '{name}', with which the generator in '{generator}' was "
        f"trained, found it neither beside it nor fetched: run 'playmate weights get {name}'"
    )


def _speech_of(generator: Path) -> str:
    """The name of a generator's speech encoder: what stands before the slash and the layer."""
    return str(read_config(generator).get("speech", "none")).partition("/")[0]


def part_of(directory: Path) -> str:
    """Which part a weights directory holds: "renderer", "generator" or "speech"."""
    kind = read_config(directory).get("kind", PARTS[0])
    if kind in KINDS_OF_SPEECH:
        return SPEECH
    return PARTS[0] if kind == PARTS[0] else PARTS[1]


def read_card(directory: Path) -> dict[str, Any]:
    """The content of card.json of a weights directory.

    Raises:
      UserError: the file is missing or damaged.
    """
    return _read(directory / "card.json")


def read_config(directory: Path) -> dict[str, Any]:
    """The content of config.json of a weights directory.

    Raises:
      UserError: the file is missing or damaged.
    """
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
    """Total size of the files in a folder, in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def remove(name: str) -> tuple[Path, int]:
    """Deletes fetched weights; the files in the hub's own cache are kept.

    Returns:
      The folder that was deleted, and its size in bytes.

    Raises:
      UserError: weights of that name ship with the package, or were not fetched.
    """
    if name in shipped_names() and name not in cached_names():
        raise UserError(f"expected fetched weights, found that '{name}' ships with the package: "
                        "it cannot be removed")  # fmt: skip
    if name not in cached_names():
        known = ", ".join(cached_names()) or "none was fetched"
        raise UserError(
            f"expected the name of fetched weights ({known}), found '{name}'"
            f"{nearest(name, cached_names())}: see 'playmate weights list'"
        )
    folder = cache_directory() / name
    size = size_of(folder)
    # Renamed first: an interrupted deletion leaves no incomplete weights under the name.
    renamed = folder.with_name(f".{name}.part-removed-{os.getpid()}")
    os.rename(folder, renamed)
    shutil.rmtree(renamed)
    return folder, size


def _listed(parts: dict[str, Path]) -> str:
    return "only " + " and ".join(f"a {part}" for part in parts)
