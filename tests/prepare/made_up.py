"""Small made-up copies of the data sets' layouts, by their published form.

Media files are empty unless `media` writes them: readers never open one. For a run of the whole
preparation give a `media` that copies or draws a real recording to the path it gets (`.mp4`, and
`.m4a` for MEAD's sound).
"""

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path

Media = Callable[[Path], object]
MEAD_EMOTIONS = (
    "angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised"
)  # fmt: skip


def files(root: Path, names: Iterable[str], media: Media = Path.touch) -> Path:
    """Media files under a folder."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        media(path)
    return root


def text(root: Path, name: str, content: str | bytes) -> Path:
    """A file of text under a folder."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def avspeech(root: Path, train: str, test: str = "", videos: Iterable[str] = ()) -> Path:
    """The two tables, without a header, and videos."""
    text(root, "avspeech_train.csv", train)
    if test:
        text(root, "avspeech_test.csv", test)
    return files(root, videos)


def celebv_text(
    root: Path, info: dict, videos: Iterable[str], emotions: dict[str, str] | None = None
) -> Path:
    """celebvtext_info.json, media, and the texts on emotion: name -> sentences."""
    text(root, "celebvtext_info.json", json.dumps(info))
    for name, sentences in (emotions or {}).items():
        text(root, f"descripitions/emotion/{name}.txt", sentences)
    return files(root, videos)


def celebv_clip(video: str, start: float = 0.0, end: float = 9.64, **changes) -> dict:
    """An entry of celebvtext_info.json."""
    return {
        "ytb_id": video,
        "duration": {"start_sec": start, "end_sec": end},
        "bbox": {"top": 0, "bottom": 937, "left": 849, "right": 1872},
        "version": "v0.1",
    } | changes


ACAPPELLA_COLUMNS = (
    "ID,Repeat,Init,Fin,Length (s),Song Name,Link,Comments,Singer,Language,Gender"
).split(",")


def acappella(
    root: Path,
    rows: Iterable[tuple[str, str, str, str, str]],
    videos: Iterable[str],
    unseen: Iterable[str] = (),
    table: str = "full_dataset.csv",
) -> Path:
    """The table, of rows of (ID, Init, Fin, Singer, Language), and splits.json."""
    root.mkdir(parents=True, exist_ok=True)
    with open(root / table, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ACAPPELLA_COLUMNS, restval="")
        writer.writeheader()
        for id, init, fin, singer, language in rows:
            writer.writerow(
                {
                    "ID": id, "Init": init, "Fin": fin, "Singer": singer, "Language": language,
                    "Song Name": "A Song (One, Two)", "Link": f"youtube.com/watch?v={id}",
                    "Gender": "Female", "Repeat": "0",
                }
            )  # fmt: skip
    text(root, "splits.json", json.dumps({"test_unseen": list(unseen), "val_seen": []}))
    return files(root, videos)


def mead(
    root: Path,
    actors: Iterable[str] = ("M003", "W009"),
    emotions: Iterable[str] = MEAD_EMOTIONS,
    views: Iterable[str] = ("front",),
    takes: int = 2,
    levels: Iterable[int] = (1, 2, 3),
    sound: bool = True,
    form: str = "video/{view}/{emotion}/level_{level}/{take:03d}.mp4",
    media: Media = Path.touch,
) -> Path:
    """Folders of actors; neutral has level 1 alone. `form`: how a video is called in its folder."""
    emotions, views, levels = tuple(emotions), tuple(views), tuple(levels)
    for actor in actors:
        for emotion in emotions:
            for level in levels if emotion != "neutral" else (1,):
                for take in range(1, takes + 1):
                    names = [
                        form.format(actor=actor, view=v, emotion=emotion, level=level, take=take)
                        for v in views
                    ]
                    if sound:
                        names.append(f"audio/{emotion}/level_{level}/{take:03d}.m4a")
                    files(root / actor, names, media)
    return root


def mafw(
    root: Path, single: dict[str, str], compound: dict[str, str], clips: Iterable[str]
) -> Path:
    """Labels as single_label.txt and multi_label.txt, with captions in two languages; clips."""

    def lines(labels: dict[str, str]) -> str:
        return "".join(
            f"{clip}.mp4\t{label}\t一位男子。\tA man holds fear in his hand.\n"
            for clip, label in labels.items()
        )

    text(root, "caption-label/single_label.txt", lines(single))
    text(root, "caption-label/multi_label.txt", lines(compound))
    return files(root, [f"clips/{clip}.mp4" for clip in clips])


HDTF_TABLES = {
    "annotion_time": "Radio11.mp4 00:30-01:00 01:30-02:30\nRadio2.mp4 00:22-01:45 \n",
    "crop_wh": "Radio11_0.mp4 412 599 0 599\nRadio11_1.mp4 557 478 10 478\n",
    "resolution": "Radio11.mp4 720\nRadio2.mp4 720\n",
    "video_url": "\ufeffRadio11 https://www.youtube.com/watch?v=CPCoMyuBRM0\n"
    "Radio2 https://www.youtube.com/watch?v=uBWJJvynXpA&t=6s\n",
    "crop_ratio": "Radio11_0.mp4 1.2\nRadio11_1.mp4 1.2\n",
}


def hdtf(
    root: Path, videos: Iterable[str], part: str = "RD", tables: dict[str, str] | None = None
) -> Path:
    """The five text files of a part (`tables` in place of the usual ones), and videos."""
    for kind, content in (HDTF_TABLES if tables is None else tables).items():
        text(root, f"HDTF_dataset/{part}_{kind}.txt", content)
    return files(root, videos)
