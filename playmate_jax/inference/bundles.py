"""Where weights are: a shipped name or a folder -> its parts (layout in weights/README.md)."""

import json
from pathlib import Path

from playmate_jax.errors import UserError, nearest

SHIPPED = Path(__file__).resolve().parents[1] / "weights"
PARTS = ("renderer", "generator")


def shipped_names() -> list[str]:
    """Names that `find_bundle` takes without a path."""
    return sorted(p.name for p in SHIPPED.iterdir() if (p / PARTS[0]).is_dir())


def find_bundle(name_or_folder: str | Path) -> dict[str, Path]:
    """Part -> weights directory.

    Raises:
      UserError: neither a shipped name nor a folder with all parts.
    """
    names = shipped_names()
    folder = SHIPPED / str(name_or_folder) if str(name_or_folder) in names else Path(name_or_folder)
    missing = [part for part in PARTS if not (folder / part).is_dir()]
    if not folder.is_dir():
        known = f"a folder or one of {', '.join(names)}" if names else "a folder"
        raise UserError(
            f"expected weights as {known}, found no '{name_or_folder}'"
            f"{nearest(str(name_or_folder), names)}: check the name"
        )
    if missing:
        raise UserError(
            f"expected the folders {' and '.join(PARTS)} in the weights '{folder}', found no "
            f"{' and no '.join(missing)}: give a complete folder"
        )
    return {part: folder / part for part in PARTS}


def read_card(directory: Path) -> dict:
    """The card alone, without the weights."""
    try:
        return json.loads((directory / "card.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise UserError(f"expected a readable card.json in '{directory}', found none: the weights "
                        "are damaged, fetch them again") from None  # fmt: skip
