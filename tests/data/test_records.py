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
from playmate_jax.data.records import DATA_SETS, NO_EMOTION, Clip, features_of, record_of
from playmate_jax.data.shards import (
    Shard,
    ShardWriter,
    shard_name,
    write_checksums,
    write_metadata,
)
from playmate_jax.errors import UserError

SIZE, SPEECH = 32, 12


def made_up_clip(number: int, frames: int = 10, pictures: int = 3) -> Clip:
    """A clip of noise; every third one has no emotion."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 255, (pictures, SIZE, SIZE, 3), np.uint8)
    return Clip(
        id=f"clip-{number:03d}",
        source="Bücher/été 1.mp4 0.0-0.4 s",
        speaker=f"speaker-{number}",
        dataset="drawn",
        split="train",
        audio=rng.integers(-(2**15), 2**15, 640 * frames).astype(np.int16),
        motion=rng.standard_normal((frames, 70), dtype=np.float32),
        features=rng.standard_normal((frames, SPEECH)).astype(np.float16),
        identity=rng.standard_normal(63, dtype=np.float32),
        emotion=number % 8 if number % 3 else NO_EMOTION,
        intensity=0.5,
        language="de",
        quality={"sharpness": 31.5, "face_px": 120.0},
        frames=tuple(cv2.imencode(".jpg", picture)[1].tobytes() for picture in pixels),
        rows=np.arange(pictures, dtype=np.int32) * 2,
        landmarks=rng.uniform(0, SIZE, (pictures, 468, 2)).astype(np.float16),
        truth={
            "units": rng.random((frames, 18), np.float32),
            "emotions": rng.random((frames, 8), np.float32),
            "phonemes": np.array([[3, 0.0, 0.25], [7, 0.25, 0.4]], np.float32),
            "person": np.array([5, number]),
        },
    )


def write(root, kind, clips_of_shards, split="train"):
    """A whole version folder with one split."""
    folder, shards = root / kind / "1.0.0", []
    for number, clips in enumerate(clips_of_shards):
        path = folder / shard_name(kind, split, number, len(clips_of_shards))
        with ShardWriter(path, kind, SPEECH, SIZE) as writer:
            for clip in clips:
                writer.write(clip)
        shards.append(writer.shard)
    write_metadata(folder, kind, {split: shards, "test": []}, SPEECH, SIZE)
    write_checksums(folder)
    return folder


def assert_same(found, wanted):
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        if name == "truth":
            assert_same(found[name], value)
        elif name == "quality":
            assert found[name] == dict(zip(value["score"], value["value"], strict=True))
        elif isinstance(value, np.ndarray):
            assert found[name].dtype == value.dtype, name
            np.testing.assert_array_equal(found[name], value, strict=True, err_msg=name)
        else:
            assert found[name] == value, name


@pytest.mark.parametrize("kind", DATA_SETS)
def test_what_is_written_is_read_back(tmp_path, kind):
    clips = [made_up_clip(n, pictures=n) for n in range(4)]
    write(tmp_path, kind, [clips[:3], clips[3:]])
    records = open_records(tmp_path, kinds=[kind])
    assert len(records) == 4
    for clip, found in zip(clips, records, strict=True):
        assert_same(found, record_of(kind, clip))
    assert records.index["id"] == [clip.id for clip in clips]
    assert records.index["emotion"] == [-1, 1, 2, -1]
    pictures = [0, 1, 2, 3] if kind != "talking_clips" else [0] * 4
    assert records.index["pictures"] == pictures
    assert records.index["frames"] == (pictures if kind == "portrait_pairs" else [10] * 4)


def test_pairs_keep_the_motion_of_their_pictures_alone():
    clip = made_up_clip(1)
    record = record_of("portrait_pairs", clip)
    np.testing.assert_array_equal(record["motion"], clip.motion[[0, 2, 4]])
    assert "audio" not in record
    with pytest.raises(ValueError, match="3 pictures, but 2 rows"):
        record_of("portrait_pairs", dataclasses.replace(clip, rows=clip.rows[:2]))


def test_tfds_reads_the_folder_without_tensorflow(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    clips = [made_up_clip(n) for n in range(3)]
    folder = write(tmp_path, "drawn_faces", [clips, []])
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
    folders = [write(tmp_path / name, "drawn_faces", [clips[:2], clips[2:]]) for name in "ab"]
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


def test_fields_are_read_alone_and_pictures_stay_jpeg(tmp_path):
    clip = made_up_clip(2)
    write(tmp_path, "drawn_faces", [[clip]])
    record = pickle.loads(pickle.dumps(open_records(tmp_path, fields=("frames", "emotion"))))[-1]
    assert record == {"frames": list(clip.frames), "emotion": 2}


def test_what_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"found none in .*: make one with `playmate prepare`"):
        open_records(tmp_path)
    folder = write(tmp_path, "talking_clips", [[made_up_clip(1)]])
    with pytest.raises(UserError, match=r"\(portrait_pairs\), found talking_clips alone"):
        open_records(tmp_path, kinds=["portrait_pairs"])
    with pytest.raises(UserError, match="with the split 'test', found one with train"):
        open_records(folder, "test")
    with pytest.raises(UserError, match="'tran' out of train, validation, test"):
        open_records(folder, "tran")
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
        write(tmp_path, kind, [[made_up_clip(1)]])
    with pytest.raises(UserError, match="give one of them"):
        open_records(tmp_path)
    assert open_records(tmp_path / "drawn_faces").kind == "drawn_faces"


def test_a_data_set_without_clips_says_so(tmp_path):
    folder = write(tmp_path, "talking_clips", [[]])
    with pytest.raises(UserError, match="found an empty one"):
        open_records(folder)
