"""MEAD (Wang et al., 2020): actors who speak set sentences with eight emotions at three levels.

A folder an actor, M003 to M042 and W009 to W040, unpacked from its archives:

    M003/video/front/angry/level_1/001.mp4        seven views: down, front, left_30, left_60, ...
    M003/audio/angry/level_1/001.m4a              one recording of sound for all of them

Some copies say `angry_level_1`, leave out `video`, or write it all into the name
(`M003_front_angry_level_1_001.mp4`); all are taken. The sound of the m4a file is used where there
is one, or else the video's own.

Levels 1, 2 and 3 become intensities of 1/3, 2/3 and 1. Neutral speech has level 1 alone, and that
is no weak neutrality: its intensity is 1.

Of the seven views the front is read, unless others are asked for: they show the same sentences from
the side, up to 60 degrees. The published test set (the last sentences of each emotion) has the
actors of the training set; here whole actors are held out instead.
"""

import re
from collections import Counter
from collections.abc import Sequence

from playmate_jax.data.records import NO_EMOTION
from playmate_jax.errors import UserError, nearest
from playmate_jax.motion.layout import Emotion
from playmate_jax.prepare.plan import Listing, Source
from playmate_jax.prepare.readers.emotions import MEAD_FOLDERS
from playmate_jax.prepare.readers.reader import Reader, remark, without_class
from playmate_jax.prepare.readers.tree import SOUNDS, Tree, suffix

VIEWS = ("down", "front", "left_30", "left_60", "right_30", "right_60", "top")
LEVELS = 3
_ACTOR = r"(?:^|/)(?P<actor>[MW]\d{3})[/_]"
_TAKE = r"(?P<emotion>[a-z]+)[/_]level_(?P<level>\d)[/_](?P<take>\d+)"
_VIDEO = re.compile(rf"{_ACTOR}(?:video[/_])?(?P<view>{'|'.join(VIEWS)})[/_]{_TAKE}\.\w+$")
_SOUND = re.compile(rf"{_ACTOR}(?:audio[/_])?{_TAKE}\.\w+$")


def read(tree: Tree, views: str | Sequence[str] = "front") -> Listing:
    """Sources for all takes of `views`: names, one text with commas between them, or "all"."""
    wanted = _wanted(views)
    sounds = {
        _key(found): file
        for file in tree.files
        if suffix(file) in SOUNDS and (found := _SOUND.search(file))
    }
    sources: dict[str, Source] = {}
    unread, unknown, twice = Counter[str](), Counter[str](), []
    for file in tree.videos():
        found = _VIDEO.search(file)
        if not found:
            continue
        if found["view"] not in wanted:
            unread[found["view"]] += 1
            continue
        name = "_".join((found["actor"], found["view"], *_key(found)[1:]))
        if name in sources:
            twice.append(file)
            continue
        label, level = found["emotion"], int(found["level"])
        emotion = MEAD_FOLDERS.get(label) if 1 <= level <= LEVELS else None
        if emotion is None:
            unknown[f"{label} of level {level}"] += 1
        sources[name] = Source(
            id=name,
            path=tree.path(file),
            dataset="mead",
            speaker=found["actor"],
            audio=tree.path(sounds[_key(found)]) if _key(found) in sounds else "",
            emotion=NO_EMOTION if emotion is None else int(emotion),
            intensity=0.0 if emotion is None else intensity(emotion, level),
            language="English",
        )
    dropped = without_class(tree, unknown)
    if unread:
        listed = ", ".join(f"{view} {n:,}" for view, n in sorted(unread.items()))
        dropped += remark(
            tree, "other-views", f"videos of views not asked for are left out ({listed})"
        )
    if twice:
        dropped += remark(tree, "twice", f"{len(twice):,} takes are here a second time", twice)
    return Listing(list(sources.values()), dropped)


def intensity(emotion: Emotion, level: int) -> float:
    """Intensity of a level from 1 to 3: a third of it; 1 for neutral speech."""
    return 1.0 if emotion is Emotion.NEUTRAL else level / LEVELS


def _key(found: re.Match) -> tuple[str, str, str, str]:
    """A take, as its sound and all of its views share it."""
    return found["actor"], found["emotion"], f"level_{found['level']}", found["take"]


def _wanted(views: str | Sequence[str]) -> set[str]:
    names = views.replace(",", " ").split() if isinstance(views, str) else list(views)
    if names == ["all"]:
        return set(VIEWS)
    for name in names:
        if name not in VIEWS:
            raise UserError(
                f"expected views of MEAD out of {', '.join(VIEWS)} or all, found '{name}'"
                f"{nearest(name, VIEWS)}"
            )
    return set(names)


READER = Reader(
    title="MEAD: 60 actors, eight emotions at three levels",
    licence="The data are for research alone, by the terms signed for them.",
    layout="""\
M003/video/front/angry/level_1/001.mp4    a folder an actor, unpacked; also angry_level_1/001.mp4
M003/audio/angry/level_1/001.m4a          the sound, where it is there""",
    read=read,
    options={"views": f"which cameras: {', '.join(VIEWS)}, or all (default front)"},
)
