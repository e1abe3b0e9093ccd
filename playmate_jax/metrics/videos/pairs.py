"""Which generated video belongs to which reference: the same name without its suffix."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from playmate_jax.errors import UserError, nearest
from playmate_jax.motion.layout import EMOTIONS, Emotion

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif")
REFERENCE = "reference"  # no system may have this name: it is the row of the real videos


class System(NamedTuple):
    """The outputs of one system.

    Attributes:
      videos: by their name without suffix, sorted; only those with a reference.
      alone: names of videos without one.
    """

    name: str
    folder: Path
    videos: dict[str, Path]
    alone: list[str]


def videos_in(folder: Path) -> dict[str, Path]:
    """The videos of a folder by their names without suffixes, sorted.

    Raises:
      UserError: it is no folder, holds no video, or two of one name.
    """
    if not folder.is_dir():
        raise UserError(f"expected a folder of videos, found no folder '{folder}': check its name")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith(".") or not path.is_file():
            continue
        if path.stem in found:
            raise UserError(
                f"expected one video of each name in '{folder}', found '{found[path.stem].name}' "
                f"and '{path.name}': move one of them away"
            )
        found[path.stem] = path
    if not found:
        raise UserError(
            f"expected videos ({' '.join(SUFFIXES)}) in '{folder}', found none: give the folder "
            "that holds them"
        )
    return found


def find_systems(
    given: Sequence[str],
    references: Mapping[str, Path],
    clips: int | None = None,
    made: Sequence[System] = (),
) -> tuple[list[System], dict[str, Path]]:
    """The systems that were given as NAME=DIR or DIR, and the references of all of their videos.

    Args:
      references: by name.
      clips: at most so many of each system, the first by name.
      made: systems that are known already, and come first.

    Raises:
      UserError: a folder without videos, a name twice, or no video with a reference.
    """
    systems = [s._replace(videos=dict(list(s.videos.items())[:clips])) for s in made]
    for text in given:
        name, _, folder = text.partition("=") if "=" in text else ("", "", text)
        path = Path(folder or ".")
        name = name or path.resolve().name
        if name in (REFERENCE, *(system.name for system in systems)):
            raise UserError(
                f"expected a name of its own for each system, and not '{REFERENCE}', found "
                f"'{name}' for '{path}': give NAME=DIR"
            )
        if not name or "/" in name or name.startswith("."):
            raise UserError(
                f"expected NAME=DIR with a plain name, found '{text}': give another name"
            )
        videos = videos_in(path)
        pairs = [stem for stem in videos if stem in references][:clips]
        if not pairs:
            stem = next(iter(videos))
            raise UserError(
                f"expected videos in '{path}' that are named as their references, found no pair: "
                f"'{stem}' is not there{nearest(stem, references)}; a video and its reference have "
                "the same name without suffix"
            )
        alone = [stem for stem in videos if stem not in references]
        systems.append(System(name, path, {stem: videos[stem] for stem in pairs}, alone))
    used = {stem for system in systems for stem in system.videos}
    return systems, {stem: path for stem, path in references.items() if stem in used}


def read_labels(path: Path) -> dict[str, Emotion]:
    """The emotion that was asked for, by clip: a CSV file with the columns `clip` and `emotion`.

    Raises:
      UserError: it cannot be read, lacks a column, or names another emotion.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"expected labels in '{path}', found no such table: {error}") from None
    labels: dict[str, Emotion] = {}
    for row in rows:
        if row.get("clip") is None or row.get("emotion") is None:
            raise UserError(
                f"expected the columns 'clip' and 'emotion' in '{path}', found "
                f"{', '.join(key for key in row if key)}: name them in the first line"
            )
        told = row["emotion"].strip().lower()
        if told not in EMOTIONS:
            raise UserError(
                f"expected an emotion among {', '.join(EMOTIONS)} in '{path}', found '{told}'"
                f"{nearest(told, EMOTIONS)}: correct it"
            )
        labels[row["clip"].strip()] = Emotion(EMOTIONS.index(told))
    if not labels:
        raise UserError(f"expected a row for every clip in '{path}', found none: add them")
    return labels
