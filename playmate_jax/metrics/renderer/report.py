"""The report of an evaluation as a folder: report.json, the contact sheets, and a page of all.

The folder is written under a temporary name and renamed when it is complete.
"""

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import jinja2

from playmate_jax.errors import UserError
from playmate_jax.hub.weights import whole_folder
from playmate_jax.metrics.figures import rounded
from playmate_jax.metrics.renderer.evaluation import evaluate
from playmate_jax.metrics.renderer.networks import (
    is_synthetic_reader,
    load_face_space,
    synthetic_reader,
)
from playmate_jax.metrics.renderer.people import FRAMES, open_people
from playmate_jax.metrics.renderer.sheets import Sheet
from playmate_jax.metrics.renderer.tables import tables

NAME, PAGE = "report.json", "report.html"
PEOPLE, FEW = 32, 10
CAPTIONS = {
    "self": "Self-reenactment: each row is a person; each driving frame with what was drawn for it "
    "from the source.",
    "transfer": "Transfers: frame i with the head pose of frame j (Eq. 2), and with its expression "
    "(Eq. 3), of the pair whose head poses are farthest apart.",
    "cross": "Other identities: the source of each row, driven by the people at the top with all "
    "of their motion.",
}
FILES = {NAME, PAGE, *(f"{name}.png" for name in CAPTIONS)}


def check_place(out: str | Path) -> None:
    """Before minutes of work: that a report can be written here, and replaces nothing but a report.

    Raises:
      UserError: something else is there, or no folder can be made.
    """
    out = Path(out)
    others = out.is_dir() and sorted({path.name for path in out.iterdir()} - FILES)
    if others or (out.exists() and not out.is_dir()):
        raise UserError(
            f"expected a new folder for the report or an earlier report, found '{out}' with "
            f"'{others[0] if others else out.name}': choose another --out"
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryDirectory(dir=out.parent).cleanup()
    except OSError as error:
        raise UserError(
            f"expected to write the report '{out}', found: {error.strerror}; choose another --out"
        ) from None


def report(
    weights: str,
    data: str,
    out: str | Path,
    count: int = PEOPLE,
    split: str | None = None,
    progress: Callable[[str, int, int], None] = lambda phase, done, total: None,
) -> dict[str, Any]:
    """Evaluates a renderer, writes the report, and returns what report.json holds.

    Args:
      weights: a folder of a renderer, or the name of shipped or fetched weights.
      data: a prepared folder with images.
      count: of people at most.
      split: as in `people.open_people`.

    Raises:
      UserError: weights or data do not fit; something else is in `out`.
    """
    check_place(out)
    space = load_face_space(weights)
    people = open_people(data, space.size, count, split)
    synthetic = people.kind == "drawn_faces"
    reader = synthetic_reader() if synthetic else None
    own = synthetic and is_synthetic_reader(weights)
    total = len(people)
    figures, sheets = evaluate(space, people, reader, lambda done: progress("people", done, total))
    notes = []
    if people.stored_size != space.size:
        notes.append(
            f"Images were resized from {people.stored_size} to {space.size} pixels, the size that "
            "the renderer takes."
        )
    notes += [_reader_note(synthetic, own)]
    if "train" in people.splits:
        notes.append("The split train is among those shown: the renderer may know these people.")
    if total < FEW:
        notes.append(f"{total} people are few for leakage, and for a readout of delta too few.")
    found = {
        "weights": str(weights),
        "data": str(data),
        "kind": people.kind,
        "splits": list(people.splits),
        "people": total,
        "frames_a_person": FRAMES,
        "image_size": space.size,
        "stored_size": people.stored_size,
        "notes": notes,
        **rounded(figures),
    }
    write(out, found, sheets)
    return found


def write(out: str | Path, found: Mapping[str, Any], sheets: Mapping[str, Sheet]) -> None:
    """Writes report.json, the sheets as PNG, and report.html."""
    with whole_folder(out) as folder:
        for name, sheet in sheets.items():
            cv2.imwrite(str(folder / f"{name}.png"), sheet[..., ::-1])
        text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
        (folder / NAME).write_text(text, "utf-8")
        (folder / PAGE).write_text(page(found, list(sheets)), "utf-8")


def page(found: Mapping[str, Any], sheets: list[str]) -> str:
    """The page as HTML; the sheets are files beside it."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("playmate_jax.metrics.renderer", "."),
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("page.html.j2").render(
        found=found, tables=tables(found), sheets=[(name, CAPTIONS[name]) for name in sheets]
    )


def _reader_note(synthetic: bool, own: bool) -> str:
    if not synthetic:
        return (
            "The truth of these faces is not known: leakage is read by the renderer's own M alone, "
            "which cannot see what M and the drawing hide together."
        )
    reader = (
        "The reader is M of the shipped demo renderer, which was trained on synthetic faces with "
        "true labels; it and the true images say what own M may not."
    )
    return f"{reader} It is this renderer's own M." if own else reader
