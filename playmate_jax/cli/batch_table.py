"""The table of `playmate batch`: rows of a CSV file as command lines of `playmate animate`."""

import argparse
import csv
import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from playmate_jax.errors import UserError, nearest
from playmate_jax.paths import shortened

Parse = Callable[[list[str]], argparse.Namespace]
FILES = ("portrait", "speech", "driving")
OPTIONS = (
    "emotion", "pose", "region", "retarget", "smooth", "head-motion", "gaze", "seed", "face",
    "face-box", "max-side", "sampler", "steps", "audio-scale", "emotion-scale",
)  # fmt: skip
SWITCHES = ("no-crop", "no-paste", "mark")
COLUMNS = (*FILES, "output", *OPTIONS, *SWITCHES)
_SWITCHED = {
    "": False,
    "0": False,
    "no": False,
    "false": False,
    "1": True,
    "yes": True,
    "true": True,
}


@dataclasses.dataclass
class Job:
    """One row.

    Attributes:
      row: its number in the file, the header being 1.
      output: file name of its video.
      args: as of `playmate animate`.
      error: what is wrong with the row.
      key: changes with the row and with its files.
    """

    row: int
    output: str
    args: argparse.Namespace | None = None
    error: str = ""
    key: str = ""


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A table as it was read.

    Attributes:
      header: names of columns, in small letters.
      rows: number in the file, the header being 1, and cells of each row.
    """

    path: Path
    header: list[str]
    rows: list[tuple[int, list[str]]]


def read_jobs(path: Path, out: Path, parse: Parse) -> list[Job]:
    """All rows, those with mistakes too.

    Args:
      path: of a CSV file; files in it are relative to its folder.
      out: folder of the videos.
      parse: what makes options of a command line.

    Raises:
      UserError: no such file, no table, an unknown or a missing column.
    """
    sheet = read_sheet(path, COLUMNS)
    if "portrait" not in sheet.header or not {"speech", "driving"} & set(sheet.header):
        raise UserError(
            f"expected a column 'portrait', and 'speech' or 'driving', found "
            f"{', '.join(sheet.header)} in '{path}'"
        )
    return jobs_of(sheet, out, parse)


def jobs_of(sheet: Sheet, out: Path, parse: Parse) -> list[Job]:
    """The rows of a table with the columns of COLUMNS alone; arguments as of `read_jobs`."""
    used: set[str] = set()
    folder = sheet.path.parent
    return [_job(n, sheet.header, line, folder, out, parse, used) for n, line in sheet.rows]


def read_sheet(path: Path, columns: Sequence[str]) -> Sheet:
    """A table as CSV, empty lines left out.

    Args:
      columns: names that its columns may have.

    Raises:
      UserError: no such file, no row, an unknown column or one twice.
    """
    try:
        text = path.read_text("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"expected a table of jobs as CSV in UTF-8, but '{path}' cannot be read ({error}): "
            "its first line names the columns, as in 'portrait,speech,emotion'"
        ) from None
    filled = [(n, line) for n, line in enumerate(lines, 1) if any(cell.strip() for cell in line)]
    if len(filled) < 2:
        raise UserError(f"expected columns and a row or more, found no row in '{path}': add rows")
    header = [name.strip().lower().replace("_", "-") for name in filled[0][1]]
    _check_columns(header, path, columns)
    return Sheet(path, header, filled[1:])


def _check_columns(header: list[str], path: Path, columns: Sequence[str]) -> None:
    for name in header:
        if name not in columns:
            raise UserError(
                f"expected columns out of {', '.join(columns)}, found '{name}' in '{path}'"
                f"{nearest(name, columns)}"
            )
        if header.count(name) > 1:
            raise UserError(f"expected each column once, found '{name}' twice in '{path}'")


def _job(
    row: int,
    header: list[str],
    line: list[str],
    folder: Path,
    out: Path,
    parse: Parse,
    used: set[str],
) -> Job:
    cells = {name: cell.strip() for name, cell in zip(header, line)}
    output = _output(cells, used)
    try:
        if len(line) > len(header):
            raise UserError(
                f"expected {len(header)} cells as in the first line, found {len(line)}: put a cell "
                "with commas in quotation marks"
            )
        _check_output(output)
        words = _words(cells, folder)
        args = parse([f"--output={out / output}", "--overwrite", *words])
    except UserError as error:
        return Job(row, output, error=str(error))
    return Job(row, output, args, key=_key(words))


def _output(cells: Mapping[str, str], used: set[str]) -> str:
    """The name that is given, or one of the inputs' names; numbered where it is there already."""
    if name := cells.get("output", ""):
        name = name if name.lower().endswith(".mp4") else f"{name}.mp4"
    else:
        stems = [Path(cells[n]).stem for n in FILES if cells.get(n)][:2]
        name = shortened(stems or ["empty"], ".mp4")
    stem, count = Path(name).stem, 1
    while name in used:
        count += 1
        name = shortened([stem, str(count)], ".mp4")
    used.add(name)
    return name


def _check_output(name: str) -> None:
    if Path(name).name != name or name.startswith("."):
        raise UserError(f"expected the name of a file in the output folder, found '{name}'")


def _words(cells: Mapping[str, str], folder: Path) -> list[str]:
    """The row as options of `playmate animate`, with absolute paths."""
    words = []
    for name, cell in cells.items():
        if name in SWITCHES:
            if cell.lower() not in _SWITCHED:
                raise UserError(f"expected yes or no as {name}, found '{cell}'")
            words += [f"--{name}"] * _SWITCHED[cell.lower()]
        elif name in ("driving", *OPTIONS) and cell:
            # An emotion may be in a file of its own.
            is_file = name == "driving" or (name == "emotion" and (folder / cell).is_file())
            words.append(f"--{name}={folder.absolute() / cell if is_file else cell}")
    if not cells.get("portrait"):
        raise UserError("expected a portrait, found none")
    given = [str(folder.absolute() / cells[name]) for name in FILES[:2] if cells.get(name)]
    return [*words, "--", *given]


def _key(words: list[str]) -> str:
    """A digest of the options, and of the sizes and times of the files among them."""
    stamps = []
    for word in words:
        path = word.partition("=")[2] if word.startswith("--") else word
        try:
            found = os.stat(path)
            stamps.append((found.st_size, found.st_mtime_ns))
        except (OSError, ValueError):
            stamps.append((0, 0))
    return hashlib.sha256(json.dumps([words, stamps]).encode()).hexdigest()[:32]
