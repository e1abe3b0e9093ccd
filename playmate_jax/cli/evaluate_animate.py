"""`playmate evaluate --animate TABLE.csv`: videos are made by `playmate batch`'s code, a folder for
each generator, and then measured against the references that the table names.

Both are resumable, and a row that cannot be made is listed and costs no other one. A row without a
portrait begins from its reference's first frame, one without speech takes its reference's sound:
with the column `reference` alone, speakers are animated by their own voice.
"""

import argparse
import dataclasses
import hashlib
import os
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2

from playmate_jax.cli import batch_arguments
from playmate_jax.cli.batch import animate_parser, make
from playmate_jax.cli.batch_table import COLUMNS, Job, Sheet, jobs_of, read_sheet
from playmate_jax.cli.parsing import Parser
from playmate_jax.errors import UserError
from playmate_jax.media import open_video
from playmate_jax.metrics.videos.pairs import System
from playmate_jax.metrics.videos.report import ANIMATED
from playmate_jax.motion.layout import EMOTIONS, FPS, Emotion
from playmate_jax.parallel.workdir_lock import locked
from playmate_jax.paths import unfinished

PORTRAITS = "first frames"  # folder beside those of the videos
REFERENCE, OUTPUT, PORTRAIT, SPEECH = "reference", "output", "portrait", "speech"


class Animated(NamedTuple):
    """What became of a table.

    Attributes:
      systems: one for each generator, with the videos that could be made.
      references: by the names of those videos.
      labels: the emotion of each row that asks for one throughout.
      faults: rows that could not be made, as `Evaluation.faults` has them.
    """

    systems: list[System]
    references: dict[str, Path]
    labels: dict[str, Emotion]
    faults: list[dict[str, str]]


def animate(args: argparse.Namespace) -> Animated:
    """Makes the videos of `args.animate` with every one of `args.generator`.

    Raises:
      UserError: no such table, no column `reference`, generators of one name, or no video at all.
    """
    table = read_sheet(Path(args.animate), (*COLUMNS, REFERENCE))
    if REFERENCE not in table.header:
        raise UserError(
            f"expected a column '{REFERENCE}' in '{table.path}', found {', '.join(table.header)}: "
            "name the real video that each row is compared with"
        )
    place = Path(args.out) / ANIMATED
    rows = [_filled(table, n, cells, place / PORTRAITS) for n, cells in table.rows]
    columns = [*COLUMNS]
    sheet = Sheet(table.path, columns, [(n, [row.get(c, "") for c in columns]) for n, row in rows])
    found = Animated([], {}, {}, [])
    for name, generator in _generators(args).items():
        out = place / name
        jobs = [
            _checked(job, row) for job, (_, row) in zip(
                jobs_of(sheet, out, animate_parser().parse_args), rows, strict=True
            )
        ]  # fmt: skip
        out.mkdir(parents=True, exist_ok=True)
        with locked(out):
            results, _ = make(_batch(args, generator), jobs, out)
        videos = {}
        for job, (_, row) in zip(jobs, rows, strict=True):
            clip = Path(job.output).stem
            if error := results[job.row].get("error"):
                sentence = f"row {job.row} of {table.path.name}: {error}"
                found.faults.append({"system": name, "clip": clip, "sentence": sentence})
                continue
            videos[clip] = out / job.output
            found.references[clip] = Path(row[REFERENCE])
            emotion = row.get("emotion", "").partition("=")[0].strip().lower()
            if emotion in EMOTIONS:
                found.labels[clip] = Emotion(EMOTIONS.index(emotion))
        if videos:
            found.systems.append(System(name, out, videos, []))
    if not found.systems:
        raise UserError(
            f"expected a row that can be made, found none: {found.faults[0]['sentence']}"
        )
    return found


def _generators(args: argparse.Namespace) -> dict[str, str | None]:
    """Generators by the names of their systems; None is that of the weights.

    Raises:
      UserError: two of one name, or no plain name.
    """
    if not args.generator:
        return {Path(args.weights).name: None}
    found: dict[str, str | None] = {}
    for text in args.generator:
        name, _, where = text.partition("=") if "=" in text else ("", "", text)
        name = name or Path(where).name
        if name in (*found, "", PORTRAITS) or Path(name).name != name or name.startswith("."):
            raise UserError(
                f"expected a plain name of its own for each generator, found '{text}': give "
                "NAME=WHERE"
            )
        found[name] = where
    return found


def _filled(
    table: Sheet, number: int, cells: list[str], portraits: Path
) -> tuple[int, dict[str, str]]:
    """A row by its columns, with an absolute reference, and what the reference stands in for. What
    is wrong with it is kept under "fault"."""
    row = {name: cell.strip() for name, cell in zip(table.header, cells)}
    try:
        if len(cells) > len(table.header):
            raise UserError(
                f"expected {len(table.header)} cells as in the first line, found {len(cells)}"
            )
        if not row.get(REFERENCE):
            raise UserError("expected a reference, found none")
        reference = table.path.parent.absolute() / row[REFERENCE]
        row[REFERENCE] = str(reference)
        row[OUTPUT] = row.get(OUTPUT) or f"{reference.stem}.mp4"
        reader = open_video(reference)
        if not row.get(PORTRAIT):
            row[PORTRAIT] = str(_first_frame(reader, reference, portraits))
        if not row.get(SPEECH) and not row.get("driving"):
            row[SPEECH] = str(reference)
    except UserError as error:
        row["fault"] = str(error)
    return number, row


def _first_frame(reader, reference: Path, folder: Path) -> Path:
    """The first frame as PNG; one that is there and not older than the video is left as it is.
    Its name holds a hash of the video's place: videos of one name may lie in several folders."""
    place = hashlib.sha256(str(reference).encode()).hexdigest()[:8]
    path = folder / f"{reference.stem}-{place}.png"
    if path.exists() and path.stat().st_mtime >= reference.stat().st_mtime:
        return path
    frame = next(islice(reader.frames_at(FPS), 1))
    folder.mkdir(parents=True, exist_ok=True)
    part = unfinished(path)
    try:
        part.write_bytes(cv2.imencode(".png", frame[..., ::-1])[1].tobytes())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _checked(job: Job, row: Mapping[str, str]) -> Job:
    """The job with what was wrong with its row before it became one."""
    return dataclasses.replace(job, error=row["fault"]) if "fault" in row else job


def _batch(args: argparse.Namespace, generator: str | None) -> argparse.Namespace:
    """The options of `playmate batch` for one generator: its defaults, and those of this command
    that it has too."""
    parser = Parser(prog="playmate batch", allow_abbrev=False)
    batch_arguments.add(parser)
    options = parser.parse_args([args.animate, "--out", args.out])
    for name in ("weights", "face_models", "fresh", "quiet"):
        setattr(options, name, getattr(args, name))
    options.generator, options.debug = generator, getattr(args, "debug", False)
    return options
