"""The check of a prepared folder: what is whole passes, and whatever was damaged is told."""

import dataclasses
import json

import numpy as np
import pytest

from playmate_jax.cli import run
from playmate_jax.data.check import NAMED, check_folder
from playmate_jax.data.record_faults import faults_of
from playmate_jax.data.records import record_of
from playmate_jax.data.shards import write_checksums
from tests.data.made_up_clips import made_up_clip
from tests.data.made_up_folders import varied_clips, with_motion, write_prepared

SHARD = "talking_clips/1.0.0/talking_clips-train.array_record-00000-of-00001"


@pytest.fixture
def prepared(tmp_path):
    return write_prepared(tmp_path / "set", varied_clips())


def test_a_whole_folder_passes(prepared, capsys):
    assert run(["data", "check", str(prepared)]) == 0
    out, err = capsys.readouterr()
    assert "24 records" in out and "nothing wrong" in out and "24/24 records" in err


@pytest.mark.parametrize("kinds", [("drawn_faces",), ("talking_clips",)])
def test_every_kind_of_data_set_passes(tmp_path, kinds):
    assert not check_folder(write_prepared(tmp_path / "set", varied_clips(3), kinds=kinds)).problems


def test_one_flipped_bit_is_found_and_that_file_is_not_read(prepared, capsys):
    data = bytearray((prepared / SHARD).read_bytes())
    data[len(data) // 2] ^= 1
    (prepared / SHARD).write_bytes(data)
    assert run(["data", "check", str(prepared), "--quiet"]) == 2
    err = capsys.readouterr().err
    assert "is not what it was" in err and "4 records of train were not read" in err
    assert "found 2 things wrong" in err


def test_missing_and_strange_files_are_told(prepared):
    (prepared / SHARD).unlink()
    (prepared / "portrait_pairs/1.0.0/notes.txt").write_text("mine")
    told = "\n".join(check_folder(prepared).problems)
    assert "array_record-00000-of-00001' is missing" in told
    assert "portrait_pairs: 'notes.txt' is not in SHA256SUMS" in told


def test_a_speaker_in_two_splits_is_told(tmp_path):
    clips = [dataclasses.replace(clip, speaker="one") for clip in varied_clips(3)]
    told = check_folder(write_prepared(tmp_path / "set", clips)).problems
    assert told[0] == "talking_clips: speaker one is in test and train and validation"


def test_an_index_of_other_records_is_told(prepared):
    """The lists were written again, checksums and all, but not the shards."""
    home = prepared / "talking_clips/1.0.0"
    index = json.loads((home / "index.json").read_text())
    index["train"]["frames"][1] = 11
    index["test"]["id"][0] = "another"
    index["validation"]["speaker"].append("too many")
    (home / "index.json").write_text(json.dumps(index))
    write_checksums(home)
    told = "\n".join(check_folder(prepared).problems)
    assert "its frames is 10, and 11 in index.json" in told
    assert 'its id is "clip-002", and "another" in index.json' in told
    assert "counts 4 records in validation, index.json lists 4 of id" in told
    assert "list different clips (12 and 12; 1 and 1 in one alone)" in told


def test_of_many_broken_records_the_first_are_named(tmp_path):
    clips = [with_motion(clip, np.inf, 0, 0) for clip in varied_clips(3 * NAMED)]
    folder = write_prepared(tmp_path / "set", clips, kinds=("talking_clips",))
    told = check_folder(folder).problems
    assert len(told) == NAMED + 1 and told[0].startswith(
        "talking_clips: clip-000: 1 of 700 numbers"
    )
    assert told[-1] == f"talking_clips: and {2 * NAMED} more records with faults"


def changed(**values):
    """A record of a synthetic face with other values."""
    return record_of("drawn_faces", made_up_clip(1)) | values


@pytest.mark.parametrize(
    "record, told",
    [
        (changed(audio=np.zeros(6000, np.int16)), "6,000 samples of audio for 10 rows of motion"),
        (changed(features=np.zeros((9, 12), np.float16)), "9 rows of features for 10 of motion"),
        (changed(features=np.full((10, 12), np.nan)), "120 of 120 numbers of features"),
        (changed(identity=np.full(63, np.inf)), "63 of 63 numbers of identity are not finite"),
        (changed(motion=np.zeros((10, 69))), "motion is (10, 69) instead of (rows, 70)"),
        (changed(emotion=8), "emotion 8 is not one of 0 to 7"),
        (changed(rows=np.array([0, 4, 4])), "places of its images do not rise"),
        (changed(rows=np.array([0, 4, 10])), "an image at row 10 of 10"),
        (changed(frames=[b"\xff\xd8", b"GIF8"]), "2 images at 3 places"),
        (changed(frames=[b"\xff\xd8"] * 2 + [b"GIF8"]), "1 of its images are no JPEG files"),
        (changed(landmarks=np.zeros((2, 468, 2))), "2 meshes for 3 images"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_with_a_record_is_told(record, told):
    assert any(told in fault for fault in faults_of(record))


@pytest.mark.parametrize("kind", ["talking_clips", "portrait_pairs", "drawn_faces"])
def test_a_whole_record_has_no_faults(kind):
    assert faults_of(record_of(kind, made_up_clip(1))) == []
