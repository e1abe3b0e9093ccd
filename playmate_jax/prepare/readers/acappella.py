"""Acappella (Montesinos et al., 2021): 46 hours of solo singing on YouTube.

full_dataset.csv (or train.csv, val_seen.csv, test_seen.csv, test_unseen.csv) has a row a clip, with
a header: ID, Init, Fin, Singer, Language, Gender and more.

Traps, by the published tables and the authors' preprocess.py:
  - Init and Fin are minutes.seconds: 5.11 is 5 min 11 s, 5.1 is 5 min 10 s, 3 is 3 min. The authors
    cut the fraction off (0.29 becomes 28 s); here it is rounded, as it was meant.
  - A cut clip is called by them as Python prints them: `ID_0_0_to_2_34.mp4` for 0 and 2.34.
  - Only "test_unseen" holds singers out. "Seen" validation and test sets share theirs with the
    training set, and two unseen singers have clips there too. Kept are the unseen ones as test,
    with all their clips; the others are placed by the hash of the singer.
Three rows have no singer: their video's id is used.
"""

import csv
import json
import math

from playmate_jax.errors import UserError
from playmate_jax.prepare.plan import Listing, Source
from playmate_jax.prepare.readers.reader import Missing, Reader, nothing, remark, table
from playmate_jax.prepare.readers.tree import Tree, by_stem, whole_videos

UNSEEN = "test_unseen"
TABLES = ("full_dataset.csv", "train.csv", "val_seen.csv", "test_seen.csv", f"{UNSEEN}.csv")
SPLITS = "splits.json"
_COLUMNS = {"ID", "Init", "Fin"}


def read(tree: Tree) -> Listing:
    """Sources for all rows of the tables whose clip or video exists."""
    rows, unseen, bad = _rows(tree)
    if not rows:
        return nothing(tree, f"there is no {TABLES[0]} with times in the columns ID, Init and Fin")
    cut, whole = by_stem(tree.videos()), whole_videos(tree)
    sources, official, missing = [], {}, Missing()
    for name, row in rows.items():
        video = row["ID"]
        singer = (row.get("Singer") or "").strip() or video
        if name in unseen:
            official[singer] = "test"
        if name not in cut and video not in whole:
            missing.add(name, video)
            continue
        sources.append(
            Source(
                id=name,
                path=tree.path(cut.get(name) or whole[video]),
                dataset="acappella",
                speaker=singer,
                start_s=0.0 if name in cut else seconds(row["Init"]),
                end_s=None if name in cut else seconds(row["Fin"]),
                language=(row.get("Language") or "").strip(),
            )
        )
    dropped = missing.drops(tree, len(rows))
    if bad:
        reason = f"{len(bad):,} rows have no span in minutes.seconds"
        dropped += remark(tree, "bad-rows", reason, bad)
    return Listing(sources, dropped, official)


def seconds(text: str) -> float:
    """Seconds of a time written minutes.seconds: 311 for "5.11", 310 for "5.1".

    Raises:
      ValueError: the text is no such time.
    """
    value = float(text)
    if not 0 <= value < math.inf:
        raise ValueError
    minutes = math.floor(value)
    rest = round((value - minutes) * 100)
    if rest >= 60:
        raise ValueError
    return 60.0 * minutes + rest


def _rows(tree: Tree) -> tuple[dict[str, dict[str, str]], set[str], list[str]]:
    """Rows by the clip's name, the names of the unseen test set, and rows without a span."""
    rows: dict[str, dict[str, str]] = {}
    unseen, bad = _unseen(tree), []
    for csv_name, file in tree.named(*TABLES).items():
        with table(tree.path(file)) as lines:
            reader = csv.DictReader(lines)
            if not _COLUMNS <= set(reader.fieldnames or ()):
                continue  # someone else's train.csv
            for row in reader:
                try:
                    if not seconds(row["Init"]) < seconds(row["Fin"]):
                        raise ValueError
                    name = f"{row['ID']}_{_as_named(row['Init'])}_to_{_as_named(row['Fin'])}"
                except (TypeError, ValueError):
                    bad.append(f"{csv_name} line {reader.line_num}")
                    continue
                rows.setdefault(name, row)
                if csv_name == f"{UNSEEN}.csv":
                    unseen.add(name)
    return rows, unseen, bad


def _as_named(text: str) -> str:
    return str(float(text)).replace(".", "_")


def _unseen(tree: Tree) -> set[str]:
    """The clips of the unseen test set by splits.json, where there is one."""
    table = tree.named(SPLITS)
    if not table:
        return set()
    try:
        with open(tree.path(table[SPLITS]), encoding="utf-8-sig") as file:
            return set(json.load(file).get(UNSEEN, ()))
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        raise UserError(
            f"expected clips by split as JSON, found something else in "
            f"'{tree.path(table[SPLITS])}': download it again, or remove it"
        ) from None


READER = Reader(
    title="Acappella: solo singing of YouTube, in many languages",
    licence="For research; the videos belong to those who put them on YouTube.",
    layout="""\
full_dataset.csv, splits.json             as published; or train.csv, test_unseen.csv, ...
ID_0_0_to_2_34.mp4                        cut clips, in any folders,
ID.mp4                                    or whole videos""",
    read=read,
)
