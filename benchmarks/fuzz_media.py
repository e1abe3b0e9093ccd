"""Prepares hundreds of broken and hostile media files, and checks that each is accounted for.

    python benchmarks/fuzz_media.py --files 500 --json fuzz.json        (some minutes)

Short videos of speaking synthetic people are written in several containers and codecs, then
damaged: bytes flipped anywhere or in the container's tables, parts cut out, zeroed, doubled or
exchanged with those of another video, wrong extensions; texts, images and pipes are named like
videos. Each file goes through the whole preparation (`prepare.clips`) in a process of its own with
a time limit, as in `playmate prepare`. A table shows the outcomes by kind of damage; the exit
status is 1 if a file is not accounted for. The same seed makes the same files.
"""

import argparse
import functools
import io
import json
import operator
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
from PIL import Image

from playmate_jax.data.records import Dropped
from playmate_jax.metrics.driving_pose import driving_poses
from playmate_jax.prepare.clips import load_maker
from playmate_jax.prepare.config import PrepareConfig
from playmate_jax.prepare.plan import Source
from playmate_jax.prepare.quality import QualityConfig
from playmate_jax.prepare.worker import Limits
from playmate_jax.prepare.worker_pool import WorkerPool
from playmate_jax.synthetic.clips import clip
from playmate_jax.synthetic.draw import draw, sample_identity
from playmate_jax.synthetic.speech import utterance

SECONDS, SIZE, REACH = 1.6, 160, 1.4
LIMITS = Limits(source_s=120.0, second_s=10.0)
SETTINGS = PrepareConfig(shortest_s=1.0, quality=QualityConfig(least_face_px=32.0, least_lips=0.0))
# common combinations of container, video codec and audio codec
KINDS = (
    ("mp4", "libx264", "aac"),
    ("mov", "mpeg4", "aac"),
    ("mkv", "libx264", "libopus"),
    ("webm", "libvpx", "libopus"),
    ("avi", "mpeg4", "libmp3lame"),
    ("ts", "libx264", "aac"),
)
_TABLES = (b"moov", b"mvhd", b"tkhd", b"mdhd", b"elst", b"stsd", b"avcC", b"esds", b"stts", b"ctts",
           b"stsc", b"stsz", b"stco", b"stss", b"hdrl", b"avih", b"strh", b"strf", b"idx1",
           b"\x1a\x45\xdf\xa3", b"\x16\x54\xae\x6b", b"\x1f\x43\xb6\x75")  # fmt: skip


def talking_video(person: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames (t, size, size, 3) and 48 kHz samples of a synthetic person who speaks."""
    acted = clip(7, person, SECONDS, "formant", emotional=False, augment=False)
    poses = driving_poses(np.random.default_rng(person), len(acted["units"]))
    frames = draw(sample_identity(7, person), acted["units"], poses, SIZE, REACH)
    audio = utterance(7, person, SECONDS, "formant").audio
    return frames, np.repeat(audio, 3).astype(np.float32)


def write(path: Path, frames: np.ndarray, audio: np.ndarray, video: str, sound: str) -> bytes:
    """Writes the video in one container and returns the bytes of the file."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(video, rate=25)
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        track = container.add_stream(sound, rate=48000, layout="mono")
        turn = av.AudioResampler(track.format, track.layout, track.rate, track.frame_size or 960)
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        whole = av.AudioFrame.from_ndarray(audio[None], format="fltp", layout="mono")
        whole.sample_rate, whole.pts = 48000, 0
        for frame in [*turn.resample(whole), *turn.resample(None)]:
            container.mux(track.encode(frame))
        container.mux([*stream.encode(None), *track.encode(None)])
    return path.read_bytes()


def _flip(content: bytearray, other: bytes, rng: np.random.Generator) -> None:
    for _ in range(int(rng.choice([1, 10, 100, 1000]))):
        content[rng.integers(len(content))] ^= int(rng.integers(1, 256))


def _flip_tables(content: bytearray, other: bytes, rng: np.random.Generator) -> None:
    """Changes bytes in the container's tables: sizes, counts, times."""
    found = [at for name in _TABLES if (at := content.find(name)) >= 0] or [0]
    for _ in range(int(rng.choice([1, 4, 16]))):
        at = int(rng.choice(found)) + int(rng.integers(-4, 60))
        if 0 <= at < len(content):
            content[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.integers(256)]))


def _cut(content: bytearray, other: bytes, rng: np.random.Generator) -> None:
    del content[int(rng.integers(1, len(content))) :]


def _hole(content: bytearray, other: bytes, rng: np.random.Generator) -> None:
    start, length = _part(content, rng)
    del content[start : start + length]


def _blank(content: bytearray, other: bytes, rng: np.random.Generator) -> None:
    start, length = _part(content, rng)
    content[start : start + length] = bytes(length)


def _double(content: bytearray, other: bytes, rng: np.random.Generator) -> None:
    start, length = _part(content, rng)
    content[start:start] = content[start : start + length]


def _exchange(content: bytearray, other: bytes, rng: np.random.Generator) -> None:
    """Replaces a part by one of another video, in any container."""
    start, length = _part(content, rng)
    from_ = int(rng.integers(max(1, len(other) - length)))
    content[start : start + length] = other[from_ : from_ + length]


def _graft(content: bytearray, other: bytes, rng: np.random.Generator) -> None:
    """Joins the beginning of one video and the end of another."""
    at = int(rng.integers(1, len(content)))
    content[at:] = other[int(rng.integers(len(other))) :]


def _noise(content: bytearray, other: bytes, rng: np.random.Generator) -> None:
    start, length = _part(content, rng)
    content[start : start + length] = rng.bytes(length)


def _whole(content: bytearray, other: bytes, rng: np.random.Generator) -> None:
    """Changes nothing: the file only gets a wrong extension."""


def _part(content: bytearray, rng: np.random.Generator) -> tuple[int, int]:
    length = int(rng.integers(1, max(2, len(content) // int(rng.choice([2, 10, 100])))))
    return int(rng.integers(max(1, len(content) - length))), length


DAMAGES: dict[str, Callable[[bytearray, bytes, np.random.Generator], None]] = {
    "bytes flipped": _flip, "tables flipped": _flip_tables, "cut short": _cut, "hole": _hole,
    "blanked": _blank, "doubled": _double, "exchanged": _exchange, "grafted": _graft,
    "noise": _noise, "wrong extension": _whole,
}  # fmt: skip


def odd_files(folder: Path, videos: dict[str, bytes]) -> Iterator[tuple[str, Path]]:
    """(kind, path) of files that are not videos, or lack the video or the audio track."""
    image = io.BytesIO()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(image, "PNG")
    contents = {
        "empty.mp4": b"", "one byte.mp4": b"\0", "zeros.mp4": bytes(4096),
        "text.mp4": b"not a video\n" * 99, "image.mp4": image.getvalue(),
        "playlist.mp4": b"#EXTM3U\n#EXTINF:5,\nfile:///etc/passwd\n",
        "script.mp4": b"#!/bin/sh\nrm -rf /\n", "archive.mp4": b"PK\x03\x04" + bytes(400),
        "$(touch gone); video.mp4": videos["mp4"][:2000],
    }  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        yield "no video", folder / name
    (folder / "folder.mp4").mkdir()
    yield "no video", folder / "folder.mp4"
    yield "no video", folder / "missing.mp4"
    os.mkfifo(folder / "pipe.mp4")
    yield "no video", folder / "pipe.mp4"
    for name, kept in (("mute.mp4", "video"), ("sound alone.mp4", "audio")):
        with av.open(io.BytesIO(videos["mp4"])) as source, av.open(str(folder / name), "w") as out:
            wanted = getattr(source.streams, kept)[0]
            copied = out.add_stream_from_template(wanted)
            for packet in source.demux(wanted):
                if packet.dts is not None:
                    packet.stream = copied
                    out.mux(packet)
        yield "no video", folder / name


def broken_files(folder: Path, count: int, seed: int = 0) -> Iterator[tuple[str, Path]]:
    """(kind of damage, path) of `count` files; the first ones are intact."""
    rng = np.random.default_rng(seed)
    frames, audio = talking_video(0)
    videos = {
        name: write(folder / f"whole.{name}", frames, audio, video, sound)
        for name, video, sound in KINDS
    }
    made = 0
    for name in videos:
        yield "whole", folder / f"whole.{name}"
        made += 1
    for kind, path in odd_files(folder, videos):
        yield kind, path
        made += 1
    names, damages = list(videos), list(DAMAGES)
    for number in range(max(0, count - made)):
        kind = damages[number % len(damages)]
        name, other = rng.choice(names, 2)
        content = bytearray(videos[name])
        DAMAGES[kind](content, videos[other], rng)
        suffix = other if kind == "wrong extension" else name
        path = folder / f"{number:04d} {kind}.{suffix}"
        path.write_bytes(content)
        yield kind, path


def outcome(items: list) -> str:
    """The outcome of a file: "clips", or the stage at which it was dropped."""
    stages = [item.stage for item in items if isinstance(item, Dropped)]
    if not items:
        return "NOT ACCOUNTED FOR"
    if len(stages) < len(items):
        return "clips" if not stages else "clips, then dropped"
    return f"dropped: {stages[-1]}"


def main(argv: list[str] | None = None) -> int:
    """Command line: prints the table of outcomes and returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=500, help="number of files (500)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    given = parser.parse_args(argv)
    table: Counter[tuple[str, str]] = Counter()
    slowest, began = (0.0, ""), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        load_name = functools.partial(operator.attrgetter, "id")  # clips come back as their id
        pool = WorkerPool(functools.partial(load_maker, SETTINGS), load_name, 1, LIMITS)
        try:
            for kind, path in broken_files(Path(folder), given.files, given.seed):
                at = time.perf_counter()
                with pool.lend() as make:
                    items = list(make(Source(path.stem, str(path), "fuzz", "nobody")))
                slowest = max(slowest, (time.perf_counter() - at, path.name))
                table[kind, outcome(items)] += 1
                for item in items:
                    if isinstance(item, Dropped) and item.stage in ("isolation", "error"):
                        print(f"{path.name}: {item.reason}", file=sys.stderr)
        finally:
            pool.stop()
    outcomes = sorted({found for _, found in table})
    kinds = ["whole", "no video", *DAMAGES]
    print(f"{'':16}" + "".join(f"{found:>20}" for found in outcomes))
    for kind in kinds:
        print(f"{kind:16}" + "".join(f"{table[kind, found]:>20}" for found in outcomes))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    wall = time.perf_counter() - began
    counts = {kind: {o: table[kind, o] for o in outcomes if table[kind, o]} for kind in kinds}
    figures = {"files": table.total(), "wall_s": wall, "slowest_s": slowest[0],
               "slowest": slowest[1], "peak_mib": peak, "outcomes": counts}  # fmt: skip
    print(f"{table.total()} files in {wall:.0f} s, the slowest {slowest[0]:.1f} s ({slowest[1]}); "
          f"peak memory {peak:.0f} MiB")  # fmt: skip
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n")
    lost = [kind for kind, found in table if found in ("NOT ACCOUNTED FOR", "dropped: error")]
    return int(bool(lost) or table["whole", "clips"] < len(KINDS))


if __name__ == "__main__":
    sys.exit(main())
