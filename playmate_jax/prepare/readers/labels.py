"""The table of labels that may come with a folder of videos: CSV with a header, in UTF-8.

    file,emotion,intensity,speaker,language,split,start,end
    anna/one.mp4,happy,0.8,anna,English,,,
    panel.mp4,,,ben,,test,12.5,30

`file` is relative to the folder. All other columns may be missing or empty. Emotions are the eight
of `motion.layout`; one without an intensity has 1. `start` and `end` are seconds; a file may have
several rows, for several spans. Errors name their line; a row whose file does not exist is left out
and listed.
"""

import csv
import math
import os
import posixpath
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from playmate_jax.data.records import NO_EMOTION, SPLITS, Dropped
from playmate_jax.errors import UserError, nearest
from playmate_jax.motion.layout import EMOTIONS
from playmate_jax.prepare.readers.tree import Tree

COLUMNS = ("file", "emotion", "intensity", "speaker", "language", "split", "start", "end")
_EXPLAINED = 20  # rows without a file that get a suggestion: it is slow among very many files


@dataclass(frozen=True)
class Label:
    """A row of the table: labels of a file, or of a span of it; `split` is "" if not given."""

    line: int = 0
    emotion: int = NO_EMOTION
    intensity: float = 0.0
    speaker: str = ""
    language: str = ""
    split: str = ""
    start_s: float = 0.0
    end_s: float | None = None


def read_labels(
    table: str | os.PathLike, tree: Tree, files: Sequence[str]
) -> tuple[dict[str, list[Label]], list[Dropped]]:
    """Reads the table: the rows of each file, and drops for rows whose file does not exist.

    Raises:
      UserError: the table cannot be read, has an unknown column or a wrong value, or names none of
        the files.
    """
    rows: dict[str, list[Label]] = defaultdict(list)
    dropped: list[Dropped] = []
    known = {unicodedata.normalize("NFC", file): file for file in files}
    for line, row in _rows(table):
        file = known.get(_inside(row["file"], tree.root))
        label = _label(line, row, f"in line {line} of '{table}'")
        if file is None:
            near = nearest(row["file"], known) if len(dropped) < _EXPLAINED else ""
            dropped.append(
                Dropped(
                    row["file"],
                    f"{table}, line {line}",
                    "listing",
                    f"the table names '{row['file']}', which is not in the folder{near}",
                )
            )
        else:
            rows[file].append(label)
    if dropped and not rows:
        raise UserError(
            f"expected files of '{tree.root}' in '{table}', found none: "
            f"{dropped[0].reason} (line {dropped[0].source.rpartition(' ')[2]})"
        )
    return rows, dropped


def _rows(table: str | os.PathLike) -> list[tuple[int, dict[str, str]]]:
    """Line number and row, its values stripped; columns that are not there are empty."""
    try:
        with open(table, encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            header = [(name or "").strip().lower() for name in reader.fieldnames or ()]
            _check_header(header, table)
            reader.fieldnames = header
            rows = []
            for row in reader:
                if None in row:
                    raise UserError(
                        f"expected {len(header)} values in line {reader.line_num} of '{table}', "
                        f"found more: put values with commas in quotes"
                    )
                values = {name: (row.get(name) or "").strip() for name in COLUMNS}
                if any(values.values()):
                    rows.append((reader.line_num, values))
            return rows
    except UserError:  # a ValueError too, and said already
        raise
    except OSError as error:
        raise UserError(
            f"expected a table of labels, but '{table}' cannot be read ({error.strerror}): check "
            f"the path"
        ) from None
    except (ValueError, csv.Error):
        raise UserError(
            f"expected a table of labels as CSV in UTF-8, found something else in '{table}': save "
            f"it again as such"
        ) from None


def _check_header(header: Sequence[str], table: str | os.PathLike) -> None:
    for name in header:
        if name not in COLUMNS:
            raise UserError(
                f"expected columns out of {', '.join(COLUMNS)} in the first line of '{table}', "
                f"found '{name}'{nearest(name, COLUMNS)}: rename or remove it"
            )
    if "file" not in header:
        raise UserError(f"expected a column 'file' in the first line of '{table}', found none")


def _inside(file: str, root: str) -> str:
    """A path as the tree names it."""
    file = file.replace("\\", "/")
    if posixpath.isabs(file):
        file = os.path.relpath(file, root)
    return unicodedata.normalize("NFC", posixpath.normpath(file))


def _label(line: int, row: dict[str, str], where: str) -> Label:
    emotion, split = row["emotion"].lower(), row["split"].lower()
    if emotion and emotion not in EMOTIONS:
        raise UserError(
            f"expected an emotion out of {', '.join(EMOTIONS)}, or none, found '{row['emotion']}' "
            f"{where}{nearest(emotion, EMOTIONS)}"
        )
    if split and split not in SPLITS:
        raise UserError(
            f"expected a split out of {', '.join(SPLITS)}, or none, found '{row['split']}' "
            f"{where}{nearest(split, SPLITS)}"
        )
    if row["intensity"] and not emotion:
        raise UserError(f"expected an emotion beside the intensity, found none {where}: name one")
    start = _number(row["start"], 0.0, math.inf, "a start in seconds", where)
    end = _number(row["end"], 0.0, math.inf, "an end in seconds", where)
    if end is not None and end <= (start or 0.0):
        raise UserError(
            f"expected an end after the start, found {start or 0:g} to {end:g} s {where}: "
            f"correct it"
        )
    strength = _number(row["intensity"], 0.0, 1.0, "an intensity from 0 to 1", where)
    return Label(
        line=line,
        emotion=EMOTIONS.index(emotion) if emotion else NO_EMOTION,
        intensity=(1.0 if strength is None else strength) if emotion else 0.0,
        speaker=row["speaker"],
        language=row["language"],
        split=split,
        start_s=start or 0.0,
        end_s=end,
    )


def _number(text: str, low: float, high: float, what: str, where: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (low <= value <= high and value < math.inf):  # also refuses NaN
        raise UserError(f"expected {what}, found '{text}' {where}: correct it")
    return value
