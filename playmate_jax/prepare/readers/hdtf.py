"""HDTF (Zhang et al., 2021): politicians and presenters of YouTube in high definition.

Three parts (RD, WDA, WRA) of five text files each, with blanks between columns:

    RD_annotion_time.txt   Radio11.mp4 00:30-01:00 01:30-02:30     (so spelled; one or more spans)
    RD_crop_wh.txt         Radio11_0.mp4 412 599 0 599             (left, width, top, height)
    RD_resolution.txt      Radio11.mp4 720                         (the height they are measured at)
    RD_video_url.txt       Radio11 https://www.youtube.com/watch?v=...

The k-th span of NAME, from 0, is the clip `NAME_k.mp4`; it comes cut by that name, by that of
I. Skorokhodov's download script (`RD_NAME_00k.mp4`, which counts only spans that have a crop), or
in the whole video (`NAME.mp4`, `RD_NAME.mp4` or `ID.mp4`). Cut clips are cropped to the face
already. That script fetches no sound: such files are dropped when they are prepared. Where the
text files are missing, cut clips alone are read.

Crops hold at the listed height alone, which goes with them (`Source.box_height`); some spans have
none, and one height is 0.

Speakers are known by the name without its last digits (JohnKasich0 to JohnKasich3 are one), and two
names of one video are one person. Radio1 to Radio59 are people without a name: all count as one, so
that none of them is in two splits. No split is published; the Playmate paper takes all of HDTF for
testing, which the option `split` does.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from playmate_jax.prepare.plan import Listing, Source
from playmate_jax.prepare.readers.reader import Missing, Reader, remark, table
from playmate_jax.prepare.readers.tree import Tree, by_stem, video_id, whole_videos

PARTS = ("RD", "WDA", "WRA")
_CUT = re.compile(r"(?:(?:RD|WDA|WRA)_)?(?P<name>\D.*?)_\d{1,3}")
_TIME = r"(?:(\d{1,2}):)?(\d{1,3}):(\d{1,2})"
_SPAN = re.compile(f"{_TIME}-{_TIME}")


@dataclass(frozen=True)
class Span:
    """One span of the tables.

    Attributes:
      name: of the video; clip: of the span.
      text: as it is written, mm:ss-mm:ss.
      cut, whole: stems that its clip and its video may have.
      video: the id of YouTube.
      box, height: the crop, and the image's height that it holds at.
    """

    name: str
    clip: str
    text: str
    cut: tuple[str, ...]
    whole: tuple[str, ...]
    video: str
    box: tuple[float, float, float, float] | None
    height: int | None


def read(tree: Tree) -> Listing:
    """Sources for all spans of the tables whose clip or video exists."""
    files, downloads = by_stem(tree.videos()), whole_videos(tree)
    spans = [span for part in PARTS for span in _spans(tree, part)]
    if not spans:
        return Listing(list(_unannotated(tree, files)))
    speakers = _speakers(spans)
    sources, bad, missing = [], [], Missing()
    for span in spans:
        seconds = _seconds(span.text)
        cut = next((files[name] for name in span.cut if name in files), None)
        whole = next((files[name] for name in span.whole if name in files), None)
        file = cut or whole or downloads.get(span.video)
        if seconds is None:
            bad.append(f"{span.clip} '{span.text}'")
        elif file is None:
            missing.add(span.clip, span.name)
        else:
            sources.append(
                Source(
                    id=span.clip,
                    path=tree.path(file),
                    dataset="hdtf",
                    speaker=speakers[span.name],
                    start_s=0.0 if cut else seconds[0],
                    end_s=None if cut else seconds[1],
                    box=None if cut else span.box,
                    box_height=None if cut else span.height,
                )
            )
    dropped = missing.drops(tree, len(spans))
    if bad:
        dropped += remark(tree, "bad-spans", f"{len(bad):,} spans are not mm:ss-mm:ss", bad)
    return Listing(sources, dropped)


def speaker_of(name: str) -> str:
    """The speaker of a video: its name without the number at its end."""
    return name.rstrip("0123456789") or name


def _spans(tree: Tree, part: str) -> Iterator[Span]:
    times = _table(tree, part, "annotion_time")
    crops = _table(tree, part, "crop_wh")
    heights = _table(tree, part, "resolution")
    addresses = _table(tree, part, "video_url")
    for name, texts in times.items():
        cropped = 0
        for k, text in enumerate(texts):
            clip = f"{name}_{k}"
            cut: tuple[str, ...] = (clip, f"{part}_{clip}")
            box = height = None
            if clip in crops:
                cut += (f"{part}_{name}_{cropped:03d}",)
                cropped += 1
                box, height = _box(crops[clip], heights.get(name, []))
            video = video_id(" ".join(addresses.get(name, [])))
            yield Span(name, clip, text, cut, (name, f"{part}_{name}"), video, box, height)


def _table(tree: Tree, part: str, kind: str) -> dict[str, list[str]]:
    """Name without .mp4 -> the columns after it."""
    rows: dict[str, list[str]] = {}
    for file in tree.named(f"{part}_{kind}.txt").values():
        with table(tree.path(file)) as lines:
            for line in lines:
                if words := line.split():
                    rows[words[0].removesuffix(".mp4")] = words[1:]
    return rows


def _seconds(text: str) -> tuple[float, float] | None:
    found = _SPAN.fullmatch(text)
    if not found:
        return None
    h0, m0, s0, h1, m1, s1 = (int(number or 0) for number in found.groups())
    start, end = 3600 * h0 + 60 * m0 + s0, 3600 * h1 + 60 * m1 + s1
    return (float(start), float(end)) if start < end else None


def _box(crop: list[str], height: list[str]):
    """Left, top, right, bottom, and the image height they refer to; None, None if unknown."""
    try:
        (left, width, top, tall), (of,) = map(float, crop), map(int, height)
    except ValueError:
        return None, None
    if of <= 0 or not (0 < width < math.inf and 0 < tall < math.inf):
        return None, None
    return (left, top, left + width, top + tall), of


def _speakers(spans: list[Span]) -> dict[str, str]:
    """Video's name -> who speaks; two names of one video on YouTube are one person."""
    same: dict[str, str] = {}

    def person(name: str) -> str:
        speaker = speaker_of(name)
        while speaker in same:
            speaker = same[speaker]
        return speaker

    first: dict[str, str] = {}
    for span in spans:
        if span.video:
            other = person(first.setdefault(span.video, span.name))
            if person(span.name) != other:
                same[person(span.name)] = other
    return {span.name: person(span.name) for span in spans}


def _unannotated(tree: Tree, files: dict[str, str]) -> Iterator[Source]:
    """Cut clips by their names alone."""
    for name, file in files.items():
        if found := _CUT.fullmatch(name):
            yield Source(
                id=name,
                path=tree.path(file),
                dataset="hdtf",
                speaker=speaker_of(found["name"]),
            )


READER = Reader(
    title="HDTF: politicians and presenters of YouTube in high definition",
    licence="The tables are CC BY 4.0; the videos belong to those who put them on YouTube.",
    layout="""\
HDTF_dataset/RD_annotion_time.txt, ...    the text files as published (RD, WDA and WRA)
Radio11_0.mp4                             cut clips, in any folders,
Radio11.mp4 or ID.mp4                     or whole videos""",
    read=read,
)
