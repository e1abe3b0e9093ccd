"""Records: what is written is read back, byte for byte the same each time, or refused."""

import dataclasses
import hashlib
import json
import pickle
import subprocess

import cv2
import numpy as np
import pytest

from playmate_jax.data.record_source import open_records
from playmate_jax.data.records import DATA_SETS, features_of, record_of
from playmate_jax.data.shards import Shard, ShardWriter
from playmate_jax.errors import UserError
from tests.data.made_up_clips import SPEECH, assert_same, made_up_clip, write_data_set


@pytest.mark.parametrize("kind", DATA_SETS)
def test_what_is_written_is_read_back(tmp_path, kind):
    clips = [made_up_clip(n, images=n) for n in range(4)]
    write_data_set(tmp_path, kind, [clips[:3], clips[3:]])
    records = open_records(tmp_path, kinds=[kind])
    assert len(records) == 4
    for clip, found in zip(clips, records, strict=True):
        assert_same(found, record_of(kind, clip))
    assert records.index["id"] == [clip.id for clip in clips]
    assert records.index["emotion"] == [-1, 1, 2, -1]
    images = [0, 1, 2, 3] if kind != "talking_clips" else [0] * 4
    assert records.index["pictures"] == images
    assert records.index["frames"] == (images if kind == "portrait_pairs" else [10] * 4)


def test_pairs_keep_the_motion_of_their_images_alone():
    clip = made_up_clip(1)
    record = record_of("portrait_pairs", clip)
    np.testing.assert_array_equal(record["motion"], clip.motion[[0, 2, 4]])
    assert "audio" not in record
    with pytest.raises(ValueError, match="3 images, but 2 rows"):
        record_of("portrait_pairs", dataclasses.replace(clip, rows=clip.rows[:2]))


def test_motion_that_was_read_in_the_images_is_theirs_alone():
    clip = made_up_clip(1)
    read = dataclasses.replace(clip, image_motion=clip.motion[[0, 2, 4]] + 1)
    np.testing.assert_array_equal(record_of("portrait_pairs", read)["motion"], read.image_motion)
    np.testing.assert_array_equal(record_of("talking_clips", read)["motion"], clip.motion)


def test_tfds_reads_the_folder_without_tensorflow(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    clips = [made_up_clip(n) for n in range(3)]
    folder = write_data_set(tmp_path, "drawn_faces", [clips, []])
    builder = tfds.builder_from_directory(folder)
    assert builder.info.full_name == "drawn_faces/1.0.0"
    assert builder.info.splits["train"].shard_lengths == [3, 0]
    source = builder.as_data_source("train")
    assert [record["id"].decode() for record in source] == [clip.id for clip in clips]
    decoded = source[1]["frames"][2]
    np.testing.assert_array_equal(
        decoded[..., ::-1], cv2.imdecode(np.frombuffer(clips[1].frames[2], np.uint8), 1)
    )
    assert builder.info.features["emotion"].int2str(1) == "angry"


@pytest.mark.parametrize("kind", DATA_SETS)
def test_every_field_is_documented(kind):
    features = features_of(kind)
    for name in features:
        assert features[name].doc.desc, name
    nested = features["quality"].feature, features["truth"] if "truth" in features else {}
    assert all(field.doc.desc for group in nested for field in group.values())


def test_the_same_clips_give_the_same_bytes_and_true_checksums(tmp_path):
    clips = [made_up_clip(n) for n in range(3)]
    folders = [
        write_data_set(tmp_path / name, "drawn_faces", [clips[:2], clips[2:]]) for name in "ab"
    ]
    files = [{p.name: p.read_bytes() for p in folder.iterdir()} for folder in folders]
    assert files[0] == files[1]
    sums = dict(
        line.split("  ")[::-1] for line in files[0].pop("SHA256SUMS").decode().split("\n")[:-1]
    )
    assert sums == {name: hashlib.sha256(data).hexdigest() for name, data in files[0].items()}
    subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=folders[0], check=True)


def test_a_shard_that_broke_off_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), ShardWriter(tmp_path / "s", "talking_clips", SPEECH) as writer:
        writer.write(made_up_clip(1))
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_what_is_known_of_a_shard_survives_json(tmp_path):
    with ShardWriter(tmp_path / "s", "talking_clips", SPEECH) as writer:
        writer.write(made_up_clip(1))
    assert Shard(**json.loads(json.dumps(dataclasses.asdict(writer.shard)))) == writer.shard
    assert writer.shard.records == 1
    assert hashlib.sha256((tmp_path / "s").read_bytes()).hexdigest() == writer.shard.sha256


def test_fields_are_read_alone_and_images_stay_jpeg(tmp_path):
    clip = made_up_clip(2)
    write_data_set(tmp_path, "drawn_faces", [[clip]])
    record = pickle.loads(pickle.dumps(open_records(tmp_path, fields=("frames", "emotion"))))[-1]
    assert record == {"frames": list(clip.frames), "emotion": 2}


def test_what_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"found none in .*: make one with `playmate prepare`"):
        open_records(tmp_path)
    folder = write_data_set(tmp_path, "talking_clips", [[made_up_clip(1)]])
    with pytest.raises(UserError, match=r"\(portrait_pairs\), found talking_clips alone"):
        open_records(tmp_path, kinds=["portrait_pairs"])
    with pytest.raises(UserError, match="with the split 'test', found one with train"):
        open_records(folder, "test")
    with pytest.raises(UserError, match="'tran' out of train, validation, test"):
        open_records(folder, "tran")
    shard = folder / "talking_clips-train.array_record-00000-of-00001"
    shard.rename(folder / "elsewhere")
    with pytest.raises(UserError, match=f"1 missing, like {shard.name}: copy the whole folder"):
        open_records(folder)
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(UserError, match=r"without SHA256SUMS: run `playmate prepare` again"):
        open_records(tmp_path)
    info = folder / "dataset_info.json"
    info.write_text(info.read_text("utf-8").replace('"1.0.0"', '"0.9.0"'), "utf-8")
    with pytest.raises(UserError, match=r"of version 1\.0\.0, found talking_clips 0\.9\.0"):
        open_records(tmp_path)
    info.write_text("{", "utf-8")
    with pytest.raises(UserError, match="found \\? \\?"):
        open_records(tmp_path)


def test_two_data_sets_are_not_guessed_between(tmp_path):
    for kind in ("talking_clips", "drawn_faces"):
        write_data_set(tmp_path, kind, [[made_up_clip(1)]])
    with pytest.raises(UserError, match="give one of them"):
        open_records(tmp_path)
    assert open_records(tmp_path / "drawn_faces").kind == "drawn_faces"


def test_a_data_set_without_clips_says_so(tmp_path):
    folder = write_data_set(tmp_path, "talking_clips", [[]])
    with pytest.raises(UserError, match="found an empty one"):
        open_records(folder)
