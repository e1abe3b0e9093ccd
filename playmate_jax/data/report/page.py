"""The page: a survey as the values that the template shows."""

import json
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from playmate_jax.data.records import NO_EMOTION, SPLITS
from playmate_jax.data.report.faces import GRID
from playmate_jax.data.report.plots import Plot, histogram, number, span
from playmate_jax.data.report.remarks import remarks_of, split_speakers
from playmate_jax.data.report.survey import COLUMNS, Clips, Survey, flat, survey
from playmate_jax.errors import UserError
from playmate_jax.motion.layout import EMOTIONS

NAME = "report.html"
ROWS = 12  # of a table of counts
# Of scores whose names do not say their unit.
TITLES = {
    "face_px": "size of the face, pixels",
    "blur": "blur (variance of the Laplacian)",
    "brightness": "brightness, 0 to 255",
    "pitch_deg": "pitch, degrees (95th percentile)",
    "yaw_deg": "yaw, degrees (95th percentile)",
    "roll_deg": "roll, degrees (95th percentile)",
    "faces": "faces in the image",
    "seen": "share of frames with the face",
    "presence": "certainty of the mesh (5th percentile)",
    "travel": "travel of the face, crop sides",
    "lips": "lip movement, nose lengths",
    "level_db": "level of the sound, dB",
    "clipping": "share of clipped samples",
    "silence": "share of silence",
    "sync": "lip sync (Sync-C)",
}
SIGNS = {"wrong": "\N{MULTIPLICATION SIGN}", "look": "!", "fine": "\N{CHECK MARK}"}


def write_report(
    folder: str | os.PathLike,
    output: str | os.PathLike | None = None,
    progress: Callable[[str, int, int], None] = lambda phase, done, total: None,
) -> Path:
    """Writes the page about a prepared folder and returns its path.

    Args:
      output: the file; None: report.html in the folder. An earlier one is replaced.

    Raises:
      UserError: the folder is no finished preparation, or the page cannot be written.
    """
    folder = Path(folder)
    output = Path(output) if output else folder / NAME
    found = survey(folder, progress)
    part = output.with_name(f".{output.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(render(found).encode("utf-8", "replace"))
        os.replace(part, output)
    except OSError as error:
        raise UserError(
            f"expected to write the report '{output}', found: {error.strerror}; choose another "
            "place with -o"
        ) from None
    finally:
        part.unlink(missing_ok=True)
    return output


def render(found: Survey) -> str:
    """The page as HTML text; the same survey gives the same text."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("playmate_jax.data.report", "."),
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["thousands"] = "{:,}".format
    return environment.get_template("page.html.j2").render(_context(found))


def _context(found: Survey) -> dict[str, Any]:
    clips = found.clips
    dropped = sum(group.count for group in found.drops)
    speakers = len(set(clips.speakers))
    facts = {
        "clips": f"{len(clips.ids):,}", "hours:min:s": _clock(clips.seconds),
        "speakers": f"{speakers:,}",
        "dropped": f"{dropped:,}", "on disk": _size(sum(s.num_bytes for s in found.sets)),
    }  # fmt: skip
    both = split_speakers(found)
    return dict(
        name=found.name,
        subtitle=_subtitle(found),
        facts=[dict(name=name, value=value) for name, value in facts.items()],
        remarks=remarks_of(found), signs=SIGNS, grid=GRID,
        people=found.people, strips=found.strips, columns=COLUMNS,
        has_mesh=any(f.lines for sheet in found.people + found.strips for f in sheet.faces),
        motion_note=_motion_note(found),
        pose=found.movement.plots_of_pose() if found.looked_at else [],
        expression=found.movement.plots_of_expression() if found.looked_at else [],
        traces=found.traces,
        duration=histogram("length, seconds", {"kept": clips.seconds}, bins=30),
        pitch=_pitch(found),
        tables=_tables(found),
        emotions=_emotions(found.clips),
        quality=_quality(found),
        splits=_splits(found),
        shared_speakers=(
            f"{SIGNS['wrong']} {len(both):,} speakers are in more than one split."
            if both else f"{SIGNS['fine']} No speaker is in two splits."
        ),
        per_speaker=_per_speaker(found),
        drops=[_group(group) for group in found.drops], dropped=dropped,
        sets=[
            dict(name=s.name, version=s.folder.name, records=len(s), files=s.files,
                 size=_size(s.num_bytes))
            for s in found.sets
        ],
        settings=[(name, _value(value)) for name, value in flat(found.settings)],
    )  # fmt: skip


def _subtitle(found: Survey) -> str:
    kinds = " and ".join(records.name for records in found.sets) or "no data set"
    origins = Counter(found.clips.datasets).most_common()
    named = ", ".join(f"{name} ({count:,})" for name, count in origins[:ROWS])
    return f"{kinds}; clips of {named}" if named else kinds


def _motion_note(found: Survey) -> str:
    count = len(found.clips.ids)
    which = f"{found.looked_at:,} clips spread evenly over all {count:,}"
    return f"Of {'all clips' if found.looked_at >= count else which}."


def _pitch(found: Survey) -> Plot | None:
    """A histogram of the median pitch of a few clips; None if no voice was heard in them."""
    pitches = np.array(found.pitches_hz)
    if not np.isfinite(pitches).any():
        return None
    title = f"pitch of the voice, Hz (medians of {len(pitches)} clips)"
    return histogram(title, {"kept": pitches[np.isfinite(pitches)]}, bins=24)


def _tables(found: Survey) -> list[dict[str, Any]]:
    clips = found.clips
    languages = [name or "unknown" for name in clips.languages]
    tables = [dict(title="language", rows=_counts(languages))]
    if len(set(clips.datasets)) > 1:
        tables.append(dict(title="source data set", rows=_counts(clips.datasets)))
    return tables


def _counts(values: Iterable[str]) -> list[dict[str, Any]]:
    """The commonest values with their counts; the others in one row."""
    counts = Counter(values)
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    if len(rows) > ROWS:
        rest = sum(count for _, count in rows[ROWS - 1 :])
        rows = [*rows[: ROWS - 1], (f"{len(rows) - ROWS + 1:,} others", rest)]
    most = max((count for _, count in rows), default=1)
    return [dict(name=n, count=c, share=round(100 * c / most, 1)) for n, c in rows]


def _emotions(clips: Clips) -> dict[str, Any]:
    """Clips by emotion (rows), and by intensity and by split (columns): the darker the more."""
    weak, medium, strong = (clips.intensities <= limit for limit in (1 / 3 + 0.01, 2 / 3 + 0.01, 1))
    splits = np.array(clips.splits, object)
    columns = {
        "weak (to 1/3)": weak, "medium (to 2/3)": medium & ~weak, "strong": strong & ~medium,
        **{split: splits == split for split in SPLITS}, "all": np.ones(len(splits), bool),
    }  # fmt: skip
    rows = []
    named = range(len(EMOTIONS)) if (clips.emotions != NO_EMOTION).any() else ()
    for emotion in (*named, NO_EMOTION):
        of_emotion = clips.emotions == emotion
        counts = [int(np.sum(of_emotion & inside)) for inside in columns.values()]
        if emotion == NO_EMOTION:
            counts[:3] = [0] * 3  # no label, no intensity
        rows.append((EMOTIONS[emotion] if emotion != NO_EMOTION else "no label", counts))
    most = [max([1, *(counts[k] for _, counts in rows)]) for k in range(len(columns))]
    most[:3] = [max(most[:3])] * 3  # intensities are compared with each other
    return dict(
        columns=list(columns),
        rows=[
            dict(name=name, cells=[
                dict(count=c, share=round(0.6 * c / m, 3)) for c, m in zip(counts, most)
            ])
            for name, counts in rows
        ],
    )  # fmt: skip


def _quality(found: Survey) -> list[Plot]:
    """A histogram of each score, with what its threshold dropped."""
    plots = []
    for name in sorted({*found.clips.quality, *found.dropped_quality}):
        empty = np.zeros(0)
        kept = found.clips.quality.get(name, empty)
        dropped = found.dropped_quality.get(name, empty)
        limits = found.thresholds.get(name, {})
        beyond = (dropped < limits.get("least", -np.inf)) | (dropped > limits.get("most", np.inf))
        series = {"kept": kept, "other": dropped[~beyond], "beyond": dropped[beyond]}
        title = TITLES.get(name, name.replace("_", " "))
        plots.append(histogram(title, series, thresholds=sorted(limits.values())))
    return plots


def _splits(found: Survey) -> list[dict[str, Any]]:
    clips, splits = found.clips, np.array(found.clips.splits, object)
    rows = []
    for name in SPLITS:
        of_split = splits == name
        count = int(np.sum(of_split))
        speakers = {s for s, inside in zip(clips.speakers, of_split) if inside}
        rows.append(dict(
            name=name, clips=count, hours=_clock(clips.seconds[of_split]),
            speakers=len(speakers), share=f"{100 * count / max(len(splits), 1):.1f} %",
        ))  # fmt: skip
    return rows


def _per_speaker(found: Survey) -> Plot:
    counts = np.array(list(Counter(found.clips.speakers).values()), float)
    limits = (0.0, max(span([counts])[1], 5.0))
    return histogram("clips of one speaker", {"kept": counts}, limits, noun="speakers", bins=30)


def _group(group) -> dict[str, Any]:
    listed = [
        dict(id=d.id, source=d.source, reason=d.reason, scores=_scores(d.quality))
        for d in group.listed
    ]
    return dict(stage=group.stage, kind=group.kind, count=group.count, listed=listed)


def _scores(quality: Mapping[str, float]) -> str:
    scores = [f"{name.replace('_', ' ')} {number(v)}" for name, v in sorted(quality.items())]
    return " · ".join(scores)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _clock(seconds: np.ndarray) -> str:
    total = round(float(seconds.sum()))
    return f"{total // 3600:,}:{total // 60 % 60:02}:{total % 60:02}"


def _size(count: float) -> str:
    power = min((len(str(int(count))) - 1) // 3, 4)
    return f"{number(count / 1000**power)} {('bytes', 'kB', 'MB', 'GB', 'TB')[power]}"
