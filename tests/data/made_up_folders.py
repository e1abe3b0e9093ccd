"""Prepared folders of made-up clips, as `playmate prepare` leaves them."""

import dataclasses
import json

import numpy as np

from playmate_jax.data.records import SPLITS
from playmate_jax.data.shards import ShardWriter, shard_name, write_checksums, write_metadata
from tests.data.made_up_clips import SIZE, SPEECH, made_up_clip

BUILD_SPEC = {
    "dataset": "mead",
    "config": {"motion_weights": "demo", "quality": {"least_face_px": 64.0, "most_yaw_deg": 50.0}},
}


def varied_clips(count=12, **changes):
    """Clips of three speakers, each in a split of its own; all with images and emotions."""
    return [
        dataclasses.replace(
            made_up_clip(n), speaker=f"speaker-{n % 3}", split=SPLITS[n % 3], emotion=n % 2,
            dataset="mead", quality={"face_px": 100.0 + n % 5, "yaw_deg": n / 2}, **changes,
        )
        for n in range(count)
    ]  # fmt: skip


def write_prepared(folder, clips, dropped=(), kinds=("talking_clips", "portrait_pairs")):
    """A finished preparation; without clips it is the list of drops alone."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_lines(folder / "dropped.jsonl", map(dataclasses.asdict, dropped))
    if not clips:
        return folder
    clips = sorted(clips, key=lambda clip: SPLITS.index(clip.split))
    for kind in kinds:
        home, shards = folder / kind / "1.0.0", {}
        for split in SPLITS:
            with ShardWriter(home / shard_name(kind, split, 0, 1), kind, SPEECH, SIZE) as writer:
                for clip in clips:
                    if clip.split == split:
                        writer.write(clip)
            shards[split] = [writer.shard]
        write_metadata(home, kind, shards, SPEECH, SIZE)
        write_checksums(home)
    (folder / "prepare.json").write_text(json.dumps(BUILD_SPEC), "utf-8")
    _write_lines(folder / "clips.jsonl", map(line_of, clips))
    return folder


def line_of(clip):
    """A line of clips.jsonl."""
    names = ("id", "source", "speaker", "dataset", "split", "emotion", "intensity", "language")
    told = {name: getattr(clip, name) for name in names}
    return {**told, "seconds": len(clip.motion) / 25, "quality": dict(clip.quality)}


def with_motion(clip, value, rows=slice(None), columns=slice(None)):
    """The clip with other numbers in its motion."""
    motion = np.array(clip.motion)
    motion[rows, columns] = value
    return dataclasses.replace(clip, motion=motion)


def _write_lines(path, lines):
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_text(text, "utf-8")
