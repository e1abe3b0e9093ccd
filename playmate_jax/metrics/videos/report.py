"""The report of an evaluation: report.json, report.md and report.html, with a strip of each clip.

The folder also keeps what was measured, for a run that goes on or asks for more, and for THEval
(Quignon et al. 2025) a list of videos of each system. Each file is written under a temporary name
and renamed.
"""

import csv
import io
import json
import math
import os
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np

from playmate_jax.errors import UserError
from playmate_jax.metrics.videos import store
from playmate_jax.metrics.videos.evaluation import BASELINE, MEASURED, Evaluation
from playmate_jax.metrics.videos.one_video import STRIP
from playmate_jax.metrics.videos.pairs import REFERENCE
from playmate_jax.metrics.videos.scores import METRICS, columns_of
from playmate_jax.metrics.videos.tables import ARROWS, markdown, tables, text
from playmate_jax.paths import unfinished

NAME, TEXT, PAGE = "report.json", "report.md", "report.html"
STRIPS, THEVAL, TABLE = "strips", "theval", "clips.csv"
ANIMATED = "animated"  # videos that `playmate evaluate --animate` makes
SHOWN = 24  # clips of each system that the page shows, the worst
_QUALITY = 85


def check_place(
    out: Path,
    known: Collection[str] = (NAME, TEXT, PAGE, STRIPS, MEASURED, BASELINE, THEVAL, ANIMATED),
) -> None:
    """Before hours of work: that the report can be written here, beside nothing but an earlier one.

    Args:
      known: names of what an earlier one may consist of.

    Raises:
      UserError: something else is there, or no folder can be made.
    """
    others = sorted({path.name for path in out.iterdir()} - set(known)) if out.is_dir() else []
    if others or (out.exists() and not out.is_dir()):
        raise UserError(
            f"expected a new folder for the report or an earlier one of this command, found "
            f"'{out}' with '{others[0] if others else out.name}': choose another --out"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryDirectory(dir=out).cleanup()
    except OSError as error:
        raise UserError(
            f"expected to write the report '{out}', found: {error.strerror}; choose another --out"
        ) from None


def write(evaluation: Evaluation, found: Mapping[str, Any]) -> None:
    """Writes all files of the report from what `Evaluation.run` returned."""
    out = evaluation.request.out
    shown = {name: _clips(evaluation, name, one) for name, one in found["systems"].items()}
    told = json.dumps(plain_values(found), indent=1, ensure_ascii=False, allow_nan=False)
    replace_text(out / NAME, told + "\n")
    replace_text(out / TEXT, as_markdown(found))
    replace_text(out / PAGE, page(found, shown))
    _write_lists(evaluation, found)


def _write_lists(evaluation: Evaluation, found: Mapping[str, Any]) -> None:
    """What THEval reads: for each system, and for the reference, a text file with a path a line;
    and a table of the pairs."""
    folder = evaluation.request.out / THEVAL
    folder.mkdir(exist_ok=True)
    table = [("system", "clip", "video", "reference")]
    for system in evaluation.systems:
        for row in found["systems"].get(system.name, {"by_clip": []})["by_clip"]:
            name = row["clip"]
            both = (system.videos[name], evaluation.references[name])
            table.append((system.name, name, *(str(path.resolve()) for path in both)))
    lists: dict[str, list[str]] = {REFERENCE: []}
    for system_name, _, video, reference in sorted(table[1:]):
        lists.setdefault(system_name, []).append(video)
        if reference not in lists[REFERENCE]:
            lists[REFERENCE].append(reference)
    for name, paths in lists.items():
        replace_text(folder / f"{name}.txt", "\n".join(paths) + "\n")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    replace_text(folder / TABLE, text.getvalue())


def plain_values(value: Any) -> Any:
    """Values that every JSON reader takes: what is not known is null, infinity is "inf"."""
    if isinstance(value, Mapping):
        return {key: plain_values(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(inner) for inner in value]
    if isinstance(value, float | np.floating) and not math.isfinite(value):
        return None if math.isnan(value) else "inf"
    return float(f"{value:.6g}") if isinstance(value, float | np.floating) else value


def as_markdown(found: Mapping[str, Any]) -> str:
    """The tables, what was done, and what to know of it."""
    lines = ["# Generated videos against real ones", "", protocol_sentence(found), ""]
    for table in tables(found):
        lines += [f"## {table.title}", "", markdown(table), ""]
    for name, one in found["systems"].items():
        for key, whose in (("emotion", ""), ("demo_emotion", ", by the demo world's network")):
            if key in one:
                lines += [f"## Emotions of {name}{whose}", "", _confusion(one[key]), ""]
    for title, sentences in (
        ("To know", found["remarks"]),
        ("Left out", found["left_out"]),
        ("Networks", _networks(found)),
        ("Clips with faults", [_fault(fault) for fault in found["faults"]]),
    ):
        if sentences:
            lines += [f"## {title}", "", *(f"- {sentence}" for sentence in sentences), ""]
    return "\n".join(lines)


def protocol_sentence(found: Mapping[str, Any]) -> str:
    """What both sides went through, and how sure the numbers are."""
    p = found["protocol"]
    every = "every frame" if p["every"] == 1 else f"every {p['every']}th frame"
    length = "" if found["seconds"] is None else f", the first {found['seconds']:g} s"
    return (
        f"Protocol {p['name']}: {p['fps']} fps, {p['crop']} image at {p['size']} x {p['size']}, "
        f"{every}{length}; FID as {p['fid']}, FVD of {p['fvd_frames']} frames at {p['fvd_size']}, "
        f"LPIPS {p['lpips']}, CSIM against the reference's "
        f"{'frame of the same time' if p['csim'] == 'frame' else 'first frame'}; nothing encoded "
        "again. In brackets: 95 % intervals over clips. The paper's rows are its own numbers, of "
        "other clips and another protocol."
    )


def page(found: Mapping[str, Any], shown: Mapping[str, list[dict[str, Any]]]) -> str:
    """The page as HTML; strips and videos are files that it links.

    Raises:
      UserError: jinja2 is not installed.
    """
    try:
        import jinja2
    except ModuleNotFoundError:
        raise UserError(
            "expected jinja2 for the page, found none: pip install 'playmate-jax[prepare]'"
        ) from None
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("playmate_jax.metrics.videos", "."),
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    columns = [c for c in columns_of(METRICS) if any(_has(found, c.key))]
    return environment.get_template("page.html.j2").render(
        found=found, tables=tables(found), shown=shown, most=SHOWN,
        columns=[(c.key, c.title + ARROWS[c.better], c.digits) for c in columns if c.group],
        about=protocol_sentence(found), text=text, networks=_networks(found),
        faults=[_fault(f) for f in found["faults"]],
    )  # fmt: skip


def _has(found: Mapping[str, Any], key: str) -> list[bool]:
    return [key in row["scores"] for s in found["systems"].values() for row in s["by_clip"]]


def _clips(evaluation: Evaluation, name: str, one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For the page: each clip, the worst first, with links; strips of those are written."""
    out = evaluation.request.out
    system = next(s for s in evaluation.systems if s.name == name)
    rows: list[dict[str, Any]] = []
    for row in one["by_clip"]:
        clip = row["clip"]
        links = {
            "video": _link(system.videos[clip], out),
            "reference": _link(evaluation.references[clip], out),
        }
        if len(rows) < SHOWN:
            sides = [
                store.read(out / MEASURED / side / f"{clip}.npz") for side in (name, REFERENCE)
            ]
            strip = np.concatenate([side.arrays[STRIP] for side in sides])
            path = out / STRIPS / name / f"{clip}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            coded = cv2.imencode(".jpg", strip[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
            path.write_bytes(coded.tobytes())
            links["strip"] = _link(path, out)
        rows.append({**row, **links})
    return rows


def _link(path: Path, out: Path) -> str:
    return quote(Path(os.path.relpath(path.resolve(), out.resolve())).as_posix())


def _confusion(emotion: Mapping[str, Any]) -> str:
    names = emotion["emotions"]
    lines = [["asked for, seen", *names], ["---"] * (len(names) + 1)]
    for asked, row in zip(names, emotion["confusion"]["frames"], strict=True):
        if sum(row):
            lines.append([asked, *map(str, row)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _networks(found: Mapping[str, Any]) -> list[str]:
    """A line for each network: what its card says, and a name that changes with its weights."""
    return [
        f"{kind}: {one['title'] or one['folder']} ({one['identity']})"
        for kind, one in found["networks"].items()
    ]


def _fault(fault: Mapping[str, str]) -> str:
    return f"{fault['system']}, {fault['clip']}: {fault['sentence']}"


def replace_text(path: Path, content: str) -> None:
    """Writes a text file under a temporary name and renames it."""
    part = unfinished(path)
    try:
        part.write_text(content, "utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
