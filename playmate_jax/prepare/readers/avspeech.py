"""AVSpeech (Ephrat et al., 2018): segments of YouTube videos with one visible, clean speaker.

The data set is two tables, avspeech_train.csv (2.6 M segments) and avspeech_test.csv (183 K). They
have no header; a row is

    YouTube id, start in s, end in s, x, y       the face's centre at the start, shares of 0 to 1

Users download the videos themselves, cut (`ID_START_END.mp4`, as
AVSpeechDownloader writes them, or `ID_0000.000000-0000.000000.mp4`, as the download script of C.
Kim does) or whole (`ID.mp4`). Of both, the cut file is taken.

Speakers have no names: all of one video counts as one speaker. The published test set is kept; a
video that were in both tables would be test. One person in two videos cannot be known.
"""

import csv
import operator
import re
from collections.abc import Iterator

from playmate_jax.prepare.plan import Listing, Source
from playmate_jax.prepare.readers.reader import Missing, Reader, nothing, remark, table
from playmate_jax.prepare.readers.tree import Tree, stem, whole_videos

TABLES = {"avspeech_train.csv": "", "avspeech_test.csv": "test"}
_CUT = re.compile(r"([A-Za-z0-9_-]{11})_(\d+(?:\.\d+)?)[_-](\d+(?:\.\d+)?)")


def read(tree: Tree) -> Listing:
    """Sources for all rows of the tables whose clip or video exists."""
    cut = _cut_files(tree)
    whole = {video: tree.path(file) for video, file in whole_videos(tree).items()}
    present = {video: video for video in (*whole, *(video for video, _, _ in cut))}
    tables = tree.named(*TABLES)
    if not tables:
        return nothing(tree, f"there is neither {' nor '.join(TABLES)}")
    sources, official, bad, missing, total = [], {}, [], Missing(), 0
    for name, file in tables.items():
        for line, row in _rows(tree.path(file)):
            total += 1
            video = present.get(row[0])  # one string for all rows of a video
            if video is None:
                missing.add("_".join(row[:3]), row[0])
                continue
            parsed = _parse(row)
            if parsed is None:
                bad.append(f"{name} line {line}")
                continue
            start, end, *face = parsed
            path = cut.get((video, _ms(start), _ms(end)))
            if path is None and video not in whole:
                missing.add("_".join(row[:3]), video)
                continue
            if TABLES[name]:
                official[video] = TABLES[name]
            sources.append(
                Source(
                    id=f"{video}_{_ms(start)}_{_ms(end)}",
                    path=path or whole[video],
                    dataset="avspeech",
                    speaker=video,
                    start_s=0.0 if path else start,
                    end_s=None if path else end,
                    face=(face[0], face[1]),
                )
            )
    dropped = missing.drops(tree, total)
    if bad:
        dropped += remark(tree, "bad-rows", f"{len(bad):,} rows are not 'id,start,end,x,y'", bad)
    return Listing(_once(sources), dropped, official)


def _rows(path: str) -> Iterator[tuple[int, list[str]]]:
    """Line and row, without blank ones and without the header of copies that were given one."""
    with table(path) as lines:
        for line, row in enumerate(csv.reader(lines), 1):
            if row and not (line == 1 and row[1:2] and not _is_number(row[1])):
                yield line, row


def _once(sources: list[Source]) -> list[Source]:
    """Without rows that are there twice; two faces of one span are two sources."""
    key = operator.attrgetter("id", "face")
    sources.sort(key=key)
    return [s for i, s in enumerate(sources) if not i or key(s) != key(sources[i - 1])]


def _cut_files(tree: Tree) -> dict[tuple[str, int, int], str]:
    """Paths by video, start and end in ms: with any number of decimals in their names."""
    found: dict[tuple[str, int, int], str] = {}
    for file in tree.videos():
        if named := _CUT.fullmatch(stem(file)):
            span = _ms(float(named[2])), _ms(float(named[3]))
            found.setdefault((named[1], *span), tree.path(file))
    return found


def _parse(row: list[str]) -> tuple[float, float, float, float] | None:
    try:
        start, end, x, y = map(float, row[1:5])
    except ValueError:
        return None
    good = 0 <= start < end < float("inf") and 0 <= x <= 1 and 0 <= y <= 1
    return (start, end, x, y) if good else None


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
