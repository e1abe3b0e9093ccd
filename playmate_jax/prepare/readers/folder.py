"""A plain folder of videos, with or without a table of what they are.

Every video under the folder is a source. `labels.csv` in it (or the file that `labels` names) may
have labels: see `labels.py`. Files without a row there are used as they are.

A file is a speaker of its own unless the table says otherwise. If one person speaks in several
files the table should say so: splits separate speakers by these names.
"""

import os
from collections import Counter

from playmate_jax.errors import UserError
from playmate_jax.prepare.plan import Listing, Source
from playmate_jax.prepare.readers.labels import COLUMNS, Label, read_labels
from playmate_jax.prepare.readers.reader import Reader
from playmate_jax.prepare.readers.tree import Tree

TABLE = "labels.csv"


def read(tree: Tree, labels: str | os.PathLike | None = None) -> Listing:
    """Sources for all videos; `labels`: the table, if it is not labels.csv in the folder."""
    if labels is None and TABLE in tree.files:
        labels = tree.path(TABLE)
    videos = tree.videos()
    rows, dropped = read_labels(labels, tree, videos) if labels else ({}, [])
    sources: list[Source] = []
    official: dict[str, str] = {}
    for file, name in _names(videos).items():
        for label in rows.get(file, [Label()]):
            speaker = label.speaker or name
            if label.split:
                other = official.setdefault(speaker, label.split)
                if other != label.split:
                    raise UserError(
                        f"expected each speaker in one split, found '{speaker}' in {other} and, in "
                        f"line {label.line} of '{labels}', in {label.split}: choose one"
                    )
            sources.append(
                Source(
                    id=name if len(rows.get(file, ())) < 2 else f"{name}_{label.start_s:g}",
                    path=tree.path(file),
                    dataset="folder",
                    speaker=speaker,
                    start_s=label.start_s,
                    end_s=label.end_s,
                    emotion=label.emotion,
                    intensity=label.intensity,
                    language=label.language,
                )
            )
    return Listing(sources, dropped, official)


def _names(files: list[str]) -> dict[str, str]:
    """Names of files: without the extension, if they are unique then."""
    names = {file: os.path.splitext(file)[0] for file in files}
    times = Counter(names.values())
    return {file: file if times[name] > 1 else name for file, name in names.items()}


READER = Reader(
    title="videos of your own: any folder, with labels or without",
    licence="That of your videos.",
    layout=f"""\
anything.mp4, .mov, .mkv, .webm, ...      videos, in any folders
{TABLE}                                who and what is in each, if wanted""",
    read=read,
    options={
        "labels": f"CSV of {', '.join(COLUMNS)}, all but file as wanted (default {TABLE} in the "
        "folder, if there is one)"
    },
)
