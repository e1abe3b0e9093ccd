"""AVSpeech (Ephrat et al., 2018): segments of YouTube videos with one visible, clean speaker.

The data set is two tables, avspeech_train.csv (2.6 M segments) and avspeech_test.csv (183 K). They
have no header; a row is

    YouTube id, start in s, end in s, x, y       the face's centre at the start, shares of 0 to 1

The videos are fetched by whoever uses it, and come cut (`ID_START_END.mp4`, as AVSpeechDownloader
writes them, or `ID_0000.000000-0000.000000.mp4`, as the download script of C. Kim does) or whole
(`ID.mp4`). Of both, the cut file is taken.

Speakers have no names: all of one video counts as one speaker. The published test set is kept; a
video that were in both tables would be test. One person in two videos cannot be known.
"""

import csv
import re

from playmate_jax.errors import UserError
from playmate_jax.prepare.readers.reader import Found, Missing, Reader, remark
from playmate_jax.prepare.readers.tree import Tree, stem
from playmate_jax.prepare.readers.youtube import whole_videos
from playmate_jax.prepare.source import Source

TABLES = {"avspeech_train.csv": "", "avspeech_test.csv": "test"}
_CUT = re.compile(r"([A-Za-z0-9_-]{11})_(\d+(?:\.\d+)?)[_-](\d+(?:\.\d+)?)")


def read(tree: Tree) -> Found:
    """All rows whose video is there."""
    cut = _cut_files(tree)
    whole = whole_videos(tree)
    present = {video for video, _, _ in cut} | whole.keys()
    tables = tree.named(*TABLES)
    if not tables:
        raise UserError(f"expected {' or '.join(TABLES)} in '{tree.root}', found neither")
    sources, official, bad, missing, total = [], {}, [], Missing(), 0
    rows_seen: set[tuple] = set()
    for table, file in tables.items():
        with open(tree.path(file), encoding="utf-8-sig", errors="replace", newline="") as lines:
            for number, row in enumerate(csv.reader(lines), 1):
                if not row or (number == 1 and row[1:2] and not _is_number(row[1])):
                    continue  # a blank line; a header, in copies that were given one
                total += 1
                if row[0] not in present:
                    missing.add("_".join(row[:3]), row[0])
                    continue
                parsed = _parse(row)
                if parsed is None:
                    bad.append(f"{table} line {number}")
                    continue
                if parsed in rows_seen:
                    continue
                rows_seen.add(parsed)
                video, start, end, x, y = parsed
                file_cut = cut.get((video, _ms(start), _ms(end)))
                if file_cut is None and video not in whole:
                    missing.add("_".join(row[:3]), video)
                    continue
                if TABLES[table]:
                    official[video] = TABLES[table]
                sources.append(
                    Source(
                        id=f"{video}_{_ms(start)}_{_ms(end)}",
                        path=tree.path(file_cut or whole[video]),
                        dataset="avspeech",
                        speaker=video,
                        start_s=0.0 if file_cut else start,
                        end_s=None if file_cut else end,
                        face=(x, y),
                    )
                )
    dropped = missing.told(tree, total)
    if bad:
        dropped += remark(tree, "bad-rows", f"{len(bad):,} rows are not 'id,start,end,x,y'", bad)
    return Found(sources, official, dropped)


def _cut_files(tree: Tree) -> dict[tuple[str, int, int], str]:
    """Files by video, start and end in ms: however many digits their names give the seconds."""
    found: dict[tuple[str, int, int], str] = {}
    for file in tree.videos():
        if named := _CUT.fullmatch(stem(file)):
            found.setdefault((named[1], _ms(float(named[2])), _ms(float(named[3]))), file)
    return found


def _parse(row: list[str]) -> tuple[str, float, float, float, float] | None:
    try:
        start, end, x, y = map(float, row[1:5])
    except ValueError:
        return None
    good = 0 <= start < end < float("inf") and 0 <= x <= 1 and 0 <= y <= 1
    return (row[0], start, end, x, y) if good else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


READER = Reader(
    title="AVSpeech: talking people of YouTube, without labels",
    licence="The tables are CC BY 4.0; the videos belong to those who put them on YouTube.",
    layout="""\
avspeech_train.csv, avspeech_test.csv     one or both, as published
ID_START_END.mp4                          cut segments, in any folders,
ID.mp4                                    or whole videos""",
    read=read,
)
