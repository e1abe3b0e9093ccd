"""TFDS builders: what they build is read back as it was drawn or prepared."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from playmate_jax.data.record_source import open_records
from playmate_jax.data.records import record_of
from playmate_jax.data.statistics import read_statistics
from playmate_jax.errors import UserError
from tests.data.made_up_clips import SIZE, SPEECH, assert_same, made_up_clip, write_data_set

tfds = pytest.importorskip("tensorflow_datasets")

from playmate_jax.prepare.builders import clip_builder  # noqa: E402
from playmate_jax.prepare.builders.clip_builder import ClipConfig  # noqa: E402
from playmate_jax.prepare.builders.drawn_faces import DrawnFaces  # noqa: E402
from playmate_jax.prepare.builders.portrait_pairs import PortraitPairs  # noqa: E402
from playmate_jax.prepare.builders.talking_clips import TalkingClips  # noqa: E402

BUILDERS = {b.name: b for b in (TalkingClips, PortraitPairs, DrawnFaces)}
DRAWN = {"identities": 3, "hours": 3 / 3600, "seconds": 1, "image_size": 64, "frames": 2}
PREPARED = ClipConfig(name="prepared_small", speech_size=SPEECH, image_size=SIZE)


def build(kind, config, data_dir, manual_dir=None):
    """Builds a data set in this process alone."""
    builder = BUILDERS[kind](config=config, data_dir=data_dir)
    download = tfds.download.DownloadConfig(manual_dir=manual_dir)
    builder.download_and_prepare(download_config=download)
    return builder


def by_id(records):
    return {record["id"]: record for record in map(records.__getitem__, range(len(records)))}


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_drawn_set_holds_what_the_world_draws(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(clip_builder.os, "cpu_count", lambda: 1)
    monkeypatch.setattr(clip_builder, "CLIPS_A_SHARD", 2)
    config = ClipConfig(name="tiny", drawn=DRAWN)
    builder = build(kind, config, tmp_path)
    assert builder.info.splits["train"].shard_lengths == [2, 1]
    found = by_id(open_records(tmp_path, "train"))
    assert list(found) == ["drawn-000000", "drawn-000001", "drawn-000002"]
    make = config.drawn.maker(images=kind != "talking_clips")
    for source in config.drawn.sources().sources:
        (clip,) = make(source)
        assert_same(found[clip.id], record_of(kind, clip))
    statistics = read_statistics(builder.data_dir)
    frames = {"train": 75} if kind != "portrait_pairs" else {}
    assert {split: part.frames for split, part in statistics.items()} == frames
    through_tfds = builder.as_data_source("train")
    assert {record["id"].decode() for record in through_tfds} == set(found)
    subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=builder.data_dir, check=True)


@pytest.mark.parametrize("kind", BUILDERS)
def test_prepared_folders_become_one(tmp_path, kind):
    clips = [made_up_clip(n) for n in range(5)]
    for name, part, split in (
        ("a", clips[:2], "train"),
        ("b", clips[2:4], "train"),
        ("c", clips[4:], "validation"),
    ):
        write_data_set(tmp_path / "prepared" / name, kind, [part], split)
    builder = build(kind, PREPARED, tmp_path / "built", tmp_path / "prepared")
    records = open_records(builder.data_dir)
    found = by_id(records)
    assert records.index["id"] == list(found)
    for clip in clips[:4]:
        assert_same(found[clip.id], record_of(kind, clip))
    assert len(open_records(builder.data_dir, "validation")) == 1


def test_prepared_folders_that_do_not_fit_are_refused(tmp_path):
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    (prepared / "notes.txt").touch()
    with pytest.raises(UserError, match="found none in"):
        build("talking_clips", PREPARED, tmp_path / "built", prepared)
    write_data_set(prepared / "a", "talking_clips", [[made_up_clip(1)]])
    with pytest.raises(UserError, match=r"speech_size 768, found 12.*\"speech_size\": 12"):
        build("talking_clips", "prepared", tmp_path / "built", prepared)
    write_data_set(prepared / "b", "talking_clips", [[made_up_clip(1)]])
    with pytest.raises(UserError, match="every clip once, found 'clip-001'"):
        build("talking_clips", PREPARED, tmp_path / "built", prepared)
    assert not list((tmp_path / "built").rglob("*.array_record*"))


def run_command(*words):
    """What `python -m playmate_jax.prepare.builders` says and does."""
    command = [sys.executable, "-m", "playmate_jax.prepare.builders", *map(str, words)]
    root = Path(__file__).parents[2]
    return subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)


def test_the_command_builds_without_tensorflow(tmp_path):
    clip = made_up_clip(7)
    write_data_set(tmp_path / "mein Ordner", "portrait_pairs", [[clip]])
    config = json.dumps({"name": "small", "speech_size": SPEECH, "image_size": SIZE})
    words = ["portrait_pairs", "--data_dir", tmp_path / "out", "--config", config]
    done = run_command(*words, "--manual_dir", tmp_path / "mein Ordner")
    assert done.returncode == 0, done.stderr
    (record,) = by_id(open_records(tmp_path / "out")).values()
    assert_same(record, record_of("portrait_pairs", clip))


def test_the_command_names_what_it_knows():
    done = run_command("drawn_face")
    assert done.returncode == 2
    assert done.stderr.endswith("found 'drawn_face' (did you mean 'drawn_faces'?)\n")


def test_shipped_configurations_are_what_they_say():
    sizes = {}
    for kind, builder in BUILDERS.items():
        for config in builder.BUILDER_CONFIGS:
            sizes[f"{kind}/{config.name}"] = (config.speech_size, config.image_size)
            assert config.description
    assert sizes["drawn_faces/standard"] == sizes["talking_clips/prepared"] == (768, 256)
    standard = DrawnFaces.builder_configs["standard"].drawn
    assert standard.clips * standard.seconds == 5 * 3600
    assert standard.clips * standard.frames == 72_000
    small = DrawnFaces.builder_configs["small"].drawn
    assert (small.clips * small.seconds, small.clips * small.frames) == (120, 480)
    assert np.isin(["drawn", "prepared"], [c.name for c in TalkingClips.BUILDER_CONFIGS]).all()
