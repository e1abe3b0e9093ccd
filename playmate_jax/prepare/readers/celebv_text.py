"""CelebV-Text (Yu et al., 2023): 70,000 face clips of YouTube, each described by 20 sentences.

celebvtext_info.json names a clip's video, span and face:

    "0-5BrmyFsYM_0": {"ytb_id": "0-5BrmyFsYM", "duration": {"start_sec": 0.0, "end_sec": 9.64},
                      "bbox": {"top": 0, "bottom": 937, "left": 849, "right": 1872}}

Its traps, by the project's README, download script and issues 5, 16 and 17:
  - The clips are under "clips", under "clips_set1" and "clips_set2" (2,975 clips whose names are
    in the first set already), or at the top; some names end in ".mp4".
  - Some durations are spelled "start_frame" and "end_frame"; they hold seconds all the same.
  - The box is in pixels, or in shares of the image (what the script takes it for): shares if no
    number is above 1. It refers to the whole video; files already cut are cropped to it.
  - Texts are called by the clip and one number more (`ID_N_M.txt`); those of clips that share a
    name are in the order of time.
  - The clips in circulation are silent, with the sound in a second download (`ID_N.wav`).

Emotions are described in sentences, not as labels, and often change within a clip. A clip gets one
if all of its sentences name the same; otherwise it has none, and the listing counts them. Speakers
have no names: all of one video is one speaker. No split is published.
"""

import json
import math
import posixpath
import re
from collections import defaultdict

from playmate_jax.data.records import NO_EMOTION
from playmate_jax.errors import UserError
from playmate_jax.prepare.plan import Listing, Source
from playmate_jax.prepare.readers.emotions import CELEBV_TEXT
from playmate_jax.prepare.readers.reader import Missing, Reader, nothing, remark
from playmate_jax.prepare.readers.tree import SOUNDS, Tree, by_stem, stem, suffix, whole_videos

TABLE = "celebvtext_info.json"
_Point = tuple[float, float]
_Box = tuple[float, float, float, float]


def read(tree: Tree) -> Listing:
    """Sources for all clips of the table that exist, cut or in their whole video."""
    table = tree.named(TABLE)
    if not table:
        return nothing(tree, f"there is no {TABLE}")
    clips = _load(tree.path(table[TABLE]))
    whole = whole_videos(tree)
    cut = _numbered(tree.videos())
    sounds = by_stem([file for file in tree.files if suffix(file) in SOUNDS])
    texts = _numbered(
        [
            file
            for file in tree.files
            if suffix(file) == ".txt" and "emotion" in posixpath.dirname(file).lower()
        ]
    )
    sources, bad, several, missing = [], [], [], Missing()
    for name, entries in clips.items():
        files = _in_order(name, cut.get(name, []), len(entries))
        descriptions = _in_order(name, texts.get(name, []), len(entries))
        for entry, file, text in zip(entries, files, descriptions, strict=True):
            try:
                video = str(entry["ytb_id"])
                start, end = _span(entry["duration"])
                face, box = _place(entry["bbox"])
            except (KeyError, TypeError, ValueError, OverflowError):
                bad.append(name)
                continue
            if not file and video not in whole:
                missing.add(name, video)
                continue
            named = _named_emotions(tree.path(text)) if text else set()
            if len(named) > 1:
                several.append(name)
            emotion = named.pop() if len(named) == 1 else NO_EMOTION
            sources.append(
                Source(
                    id=name,
                    path=tree.path(file or whole[video]),
                    dataset="celebv-text",
                    speaker=video,
                    audio=tree.path(sounds[stem(file)]) if file and stem(file) in sounds else "",
                    start_s=0.0 if file else start,
                    end_s=None if file else end,
                    face=None if file else face,
                    box=None if file else box,
                    emotion=int(emotion),
                    intensity=float(emotion != NO_EMOTION),
                )
            )
    dropped = missing.drops(tree, sum(map(len, clips.values())))
    if bad:
        reason = f"{len(bad):,} clips of {TABLE} lack a video, a span or a face"
        dropped += remark(tree, "bad-entries", reason, bad)
    if several:
        reason = f"{len(several):,} clips change their emotion and are kept without one"
        dropped += remark(tree, "no-emotion", reason, several, stage="label")
    return Listing(sources, dropped)


def _load(path: str) -> dict[str, list[dict]]:
    """Clips by name; of a name that both sets have, the entries in the order of time."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            content = json.load(file)
        sets = [value for key, value in content.items() if key.startswith("clips")] or [content]
        clips: dict[str, list[dict]] = defaultdict(list)
        for clips_of_set in sets:
            for name, entry in clips_of_set.items():
                clips[name.removesuffix(".mp4")].append(entry)
    except (OSError, ValueError, AttributeError, RecursionError):
        raise UserError(
            f"expected clips by name as JSON, found something else in '{path}': download it again"
        ) from None
    for entries in clips.values():
        if len(entries) > 1:
            entries.sort(key=_start)
    return clips


def _start(entry) -> float:
    try:
        return _span(entry["duration"])[0]
    except (KeyError, TypeError, ValueError, OverflowError):
        return math.inf


def _span(duration: dict) -> tuple[float, float]:
    """Start and end in seconds, from either spelling of the fields."""
    unit = "sec" if "start_sec" in duration else "frame"
    start, end = float(duration[f"start_{unit}"]), float(duration[f"end_{unit}"])
    if not 0 <= start < end < math.inf:
        raise ValueError
    return start, end


def _place(bbox: dict) -> tuple[_Point | None, _Box | None]:
    """The face's centre in shares, or its box in pixels."""
    left, top = float(bbox["left"]), float(bbox["top"])
    right, bottom = float(bbox["right"]), float(bbox["bottom"])
    if not (-math.inf < left < right < math.inf and -math.inf < top < bottom < math.inf):
        raise ValueError
    if max(right, bottom) <= 1:
        return ((left + right) / 2, (top + bottom) / 2), None
    return None, (left, top, right, bottom)


def _numbered(files: list[str]) -> dict[str, list[str]]:
    """Clip -> files called by it, or by it and one number more."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in files:
        name = stem(file)
        found[name].append(file)
        if longer := re.fullmatch(r"(.+_\d+)_\d+", name):
            found[longer[1]].append(file)
    return found


def _in_order(name: str, files: list[str], entries: int) -> list[str]:
    """A file for each entry of this name, by the number after the name; "" if that is ambiguous."""
    plain = [file for file in files if stem(file) == name]
    numbered = [file for file in files if stem(file) != name]
    if entries == 1 and plain:
        return plain[:1]
    if len(numbered) != entries:
        return [""] * entries
    return sorted(numbered, key=lambda file: int(stem(file).rpartition("_")[2]))


def _named_emotions(path: str) -> set:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            words = re.findall(r"[a-z]+", file.read().lower())
    except OSError:
        return set()
    return {CELEBV_TEXT[word] for word in words if word in CELEBV_TEXT}


READER = Reader(
    title="CelebV-Text: faces of YouTube, with texts on emotion",
    licence="For non-commercial research; no part may be passed on.",
    layout="""\
celebvtext_info.json                      as published
ID_N.mp4 (and ID_N.wav)                   cut clips, in any folders,
ID.mp4                                    or whole videos
.../emotion.../ID_N.txt, ID_N_M.txt       the texts on emotion, if wanted""",
    read=read,
)
