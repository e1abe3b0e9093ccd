"""The content of a prepared folder: all that the page shows, gathered in one pass.

Labels, speakers, lengths and scores are those of all clips (clips.jsonl, a line each, kept as
columns of numbers). Motion and sound are read from at most `SAMPLE` records, evenly spread; faces,
curves and pitch are of a few. Memory and the page stay small at any number of clips.
"""

import dataclasses
import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from sys import intern
from typing import Any

import numpy as np

from playmate_jax.data.prepared import (
    CLIPS,
    DROPPED,
    DataSet,
    data_sets,
    read_build_spec,
    read_lines,
)
from playmate_jax.data.record_faults import faults_of
from playmate_jax.data.records import NO_EMOTION, Dropped
from playmate_jax.data.report import pitch
from playmate_jax.data.report.drops import Group, group_drops
from playmate_jax.data.report.faces import Face, draw_order, faces_of
from playmate_jax.data.report.moving import SHOWN_S, Movement, Trace, stillness, trace_of
from playmate_jax.motion.layout import EMOTIONS, FPS

SAMPLE = 2000  # records whose motion is looked at
COLUMNS, STRIPS, TRACES = 8, 4, 6  # faces in a row, rows through time, clips as curves
UNLABELLED_FACES = 4 * COLUMNS
Progress = Callable[[str, int, int], None]


@dataclasses.dataclass
class Clips:
    """Columns of clips.jsonl; a score that a clip lacks is NaN."""

    ids: list[str]
    speakers: list[str]
    splits: list[str]
    datasets: list[str]
    languages: list[str]
    seconds: np.ndarray
    emotions: np.ndarray
    intensities: np.ndarray
    quality: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Sheet:
    """Faces under one heading, with a text about them."""

    title: str
    about: str
    faces: list[Face]


@dataclasses.dataclass
class Survey:
    """All values that the page shows.

    Attributes:
      looked_at: records whose motion was read.
      faults: (id, what is wrong) of them.
      still: (id, what never moves) of them.
      dropped_quality: scores of everything dropped.
      pitches_hz: median pitch of a few clips; NaN where nothing is voiced.
    """

    name: str
    settings: dict[str, Any]
    sets: list[DataSet]
    clips: Clips
    drops: list[Group]
    dropped_quality: dict[str, np.ndarray]
    looked_at: int
    movement: Movement
    faults: list[tuple[str, str]]
    still: list[tuple[str, str]]
    people: list[Sheet]
    strips: list[Sheet]
    traces: list[Trace]
    pitches_hz: list[float]

    @property
    def thresholds(self) -> dict[str, dict[str, float]]:
        """By score: its "least" and "most" as far as the settings have them."""
        found: dict[str, dict[str, float]] = {}
        for name, value in flat(self.settings):
            side, _, score = name.rpartition(".")[2].partition("_")
            if side in ("least", "most") and isinstance(value, int | float):
                found.setdefault(score, {})[side] = value
        return found


def flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Pairs of dotted name and value for nested settings."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{above}{name}.")
        else:
            yield above + name, value


def survey(folder: Path, progress: Progress) -> Survey:
    """Reads a prepared folder; `progress` is called with phase, done and total.

    Raises:
      UserError: the folder is no finished preparation.
    """
    build_spec, sets = read_build_spec(folder), data_sets(folder)
    clips = _clips(read_lines(folder / CLIPS))
    scores = _Scores()
    drops = group_drops(_dropped(read_lines(folder / DROPPED), scores))
    found = Survey(
        folder.resolve().name, build_spec, sets,
        clips, drops, scores.columns(), 0, Movement(), [], [], [], [], [], [],
    )  # fmt: skip
    moving = next((s for s in sets if s.name != "portrait_pairs" and len(s)), None)
    with_image = next((s for s in sets if s.name != "talking_clips" and len(s)), None)
    if moving:
        _look_at_motion(found, moving, progress)
    if with_image:
        _look_at_faces(found, with_image, progress)
    return found


class _Scores:
    """Scores of many clips as columns, NaN where one lacks a score."""

    def __init__(self):
        self._count, self._columns = 0, {}

    def add(self, quality: Mapping[str, float]) -> None:
        for name, value in quality.items():
            column = self._columns.setdefault(name, array("d"))
            column.extend([np.nan] * (self._count - len(column)))
            column.append(np.nan if value is None else value)
        self._count += 1

    def columns(self) -> dict[str, np.ndarray]:
        for column in self._columns.values():
            column.extend([np.nan] * (self._count - len(column)))
        return {name: np.array(self._columns[name]) for name in sorted(self._columns)}


def _clips(lines: Iterable[Mapping[str, Any]]) -> Clips:
    texts: dict[str, list[str]] = {
        name: [] for name in ("id", "speaker", "split", "dataset", "language")
    }
    seconds, emotions, intensities, scores = array("d"), array("b"), array("d"), _Scores()
    for line in lines:
        for name, column in texts.items():
            column.append(intern(str(line.get(name, ""))))
        seconds.append(line["seconds"])
        emotions.append(line.get("emotion", NO_EMOTION))
        intensities.append(line.get("intensity", 0.0))
        scores.add(line.get("quality", {}))
    return Clips(
        texts["id"], texts["speaker"], texts["split"], texts["dataset"], texts["language"],
        np.array(seconds), np.array(emotions), np.array(intensities), scores.columns(),
    )  # fmt: skip


def _dropped(lines: Iterable[Mapping[str, Any]], scores: _Scores) -> Iterator[Dropped]:
    for line in lines:
        scores.add(line.get("quality", {}))
        yield Dropped(**line)


def _look_at_motion(found: Survey, records: DataSet, progress: Progress) -> None:
    count = min(SAMPLE, len(records))
    places = [k * len(records) // count for k in range(count)]
    ids, speakers = records.column("id"), records.column("speaker")
    order = draw_order([ids[k] for k in places], [speakers[k] for k in places])
    lengths = records.column("frames")
    usual = np.median(lengths)
    order.sort(key=lambda n: lengths[places[n]] < usual)  # stable: the longer half first
    traced = {places[n] for n in order[:TRACES]}
    voices = {places[n] for n in order[: pitch.CLIPS]}
    longest_s = max(lengths[k] for k in traced) / FPS
    shown_s = min(SHOWN_S, 2 * math.ceil(longest_s / 2))
    for done, k in enumerate(places, 1):
        record = records[k]
        progress("motion", done, count)
        if faults := faults_of(record):
            found.faults.append((record["id"], "; ".join(faults)))
        if k in voices:
            found.pitches_hz.append(pitch.median_pitch_hz(record["audio"]))
        motion = record["motion"]
        if not (len(motion) and np.isfinite(motion).all()):
            continue
        found.movement.add(motion)
        if what := stillness(motion):
            found.still.append((record["id"], what))
        if k in traced:
            caption = " \N{MIDDLE DOT} ".join(filter(None, _id_and_about(record)))
            found.traces.append(trace_of(record, caption, shown_s))
    found.looked_at = count


def _look_at_faces(found: Survey, records: DataSet, progress: Progress) -> None:
    ids, speakers = records.column("id"), records.column("speaker")
    emotions, images = records.column("emotion"), records.column("pictures")
    order = [k for k in draw_order(ids, speakers) if images[k]]
    chosen = {
        emotion: [k for k in order if emotions[k] == emotion]
        for emotion in sorted({emotions[k] for k in order}, key=lambda e: (e == NO_EMOTION, e))
    }
    labelled = any(emotion != NO_EMOTION for emotion in chosen)
    limit = COLUMNS if labelled else UNLABELLED_FACES
    strips = [k for k in order if images[k] > 1][:STRIPS]
    total = sum(min(len(places), limit) for places in chosen.values()) + len(strips)
    done = 0
    for emotion, places in chosen.items():
        faces = []
        for k in places[:limit]:
            faces += faces_of(records[k], [images[k] // 2], speakers[k])
            progress("faces", done := done + 1, total)
        title = EMOTIONS[emotion] if emotion != NO_EMOTION else "no emotion"
        found.people.append(Sheet(title, f"{len(places):,} clips", faces))
    for k in strips:
        record = records[k]
        shown = np.unique(np.linspace(0, images[k] - 1, COLUMNS).round().astype(int)).tolist()
        found.strips.append(Sheet(*_id_and_about(record), faces_of(record, shown)))
        progress("faces", done := done + 1, total)


def _id_and_about(record: Mapping[str, Any]) -> tuple[str, str]:
    """The id of a record, and its speaker and emotion as text."""
    about = [record["speaker"]] * (not record["id"].startswith(record["speaker"]))
    if (emotion := record["emotion"]) != NO_EMOTION:
        about.append(f"{EMOTIONS[emotion]} {record['intensity']:.2g}")
    return record["id"], ", ".join(about)
