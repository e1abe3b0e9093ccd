"""MAFW (Liu et al., 2022): 10,045 clips of videos, series and short videos, labelled by emotion.

Clips are `00151.mp4`, labels are lines of a name and a label, with captions after them:

    03352.mp4  happiness         (single_label.txt, or single/.../set_1/train.txt and test.txt)
    09932.mp4  sadness_surprise  (multi_label.txt, or compound/.../set_1/train.txt and test.txt)

The lists of the published folds name every labelled clip, so that either kind of file suffices; the
tables that come as .xlsx are not read. Captions may be in another encoding than UTF-8: only the
first two words of a line are looked at.

A clip's single label is its emotion. Clips with a compound label alone, and those of anxiety,
helplessness or disappointment, have no class among the eight: they are kept without an emotion and
counted. The strength of emotions is not labelled: their intensity is 1.

Speakers have no names, so that every clip is a speaker of its own; that one actor has several clips
cannot be known. Nor do the five folds separate speakers: they are used only if `fold` is given.
"""

import re
from collections import Counter

from playmate_jax.data.records import NO_EMOTION
from playmate_jax.errors import UserError
from playmate_jax.prepare.plan import Listing, Source
from playmate_jax.prepare.readers.emotions import MAFW
from playmate_jax.prepare.readers.reader import (
    Missing,
    Reader,
    nothing,
    remark,
    table,
    without_class,
)
from playmate_jax.prepare.readers.tree import Tree, by_stem, stem

FOLDS = 5
_LIST = re.compile(r"(?:^|/)set_(?P<fold>[1-5])/(?P<split>train|test)\.txt$")


def read(tree: Tree, fold: int | str | None = None) -> Listing:
    """Sources for all clips; `fold`: 1 to 5, whose published test clips are the test split."""
    clips = {
        name: file for name, file in by_stem(tree.videos()).items() if re.fullmatch(r"\d+", name)
    }
    single = _labels(tree, "single_label.txt", "single")
    compound = _labels(tree, "multi_label.txt", "compound")
    labels = {name: found for name, (found, _) in {**compound, **single}.items()}
    if clips and not labels:
        return nothing(tree, f"there are {len(clips):,} clips, but no labels as text")
    no_class, sources = Counter[str](), []
    for name, file in clips.items():
        label = labels.get(name)
        emotion = MAFW.get(label) if label else None
        if label and emotion is None:
            no_class["compound labels" if "_" in label else label] += 1
        sources.append(
            Source(
                id=name,
                path=tree.path(file),
                dataset="mafw",
                speaker=name,
                emotion=NO_EMOTION if emotion is None else int(emotion),
                intensity=float(emotion is not None),
            )
        )
    missing = Missing()
    for name in sorted(labels.keys() - clips.keys()):
        missing.add(name)
    dropped = missing.drops(tree, len(labels)) + without_class(tree, no_class)
    if unlabelled := sorted(clips.keys() - labels.keys()):
        reason = f"{len(unlabelled):,} clips have no label and are kept without an emotion"
        dropped += remark(tree, "no-label", reason, unlabelled, stage="label")
    return Listing(sources, dropped, _fold(single, compound, fold))


def _labels(tree: Tree, name: str, folder: str) -> dict[str, tuple[str, set[int]]]:
    """Clip -> its label, and the folds that test it."""
    found: dict[str, tuple[str, set[int]]] = {}
    files = list(tree.named(name).values())
    files += [f for f in tree.files if f"/{folder}/" in f"/{f.lower()}" and _LIST.search(f)]
    for file in files:
        of = _LIST.search(file)
        with table(tree.path(file)) as lines:
            for line in lines:
                words = line.lower().split(None, 2)[:2]
                if len(words) < 2:
                    continue
                clip, label = words
                _, folds = found.setdefault(stem(clip), (label, set()))
                if of and of["split"] == "test":
                    folds.add(int(of["fold"]))
    return found


def _fold(single: dict, compound: dict, fold: int | str | None) -> dict[str, str]:
    """Clip -> "test" or "train", by one of the published folds."""
    if fold in (None, ""):
        return {}
    if str(fold) not in map(str, range(1, FOLDS + 1)):
        raise UserError(f"expected a fold of MAFW from 1 to {FOLDS}, found '{fold}'")
    listed = single if any(folds for _, folds in single.values()) else compound
    split = {name: "test" if int(fold) in folds else "train" for name, (_, folds) in listed.items()}
    if "test" not in split.values():
        raise UserError(
            f"expected the list of MAFW's fold {fold} as single/.../set_{fold}/test.txt, found "
            f"none: unpack the training and test sets, or ask for no fold"
        )
    return split


READER = Reader(
    title="MAFW: clips of videos and series, eleven emotions and their compounds",
    licence="For non-commercial research, by a form signed for it; no part may be passed on.",
    layout="""\
00151.mp4                                 clips, in any folders
single_label.txt, multi_label.txt         labels: name and label a line,
single/.../set_1/train.txt, test.txt      or the lists of the published folds""",
    read=read,
    options={"fold": "1 to 5: this published fold's test clips are the test split (default none)"},
)
