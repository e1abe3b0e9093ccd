"""Any folder of videos, and a table of labels with everything that can be wrong in it."""

import pytest

from playmate_jax.data.records import NO_EMOTION
from playmate_jax.errors import UserError
from playmate_jax.motion.layout import Emotion
from playmate_jax.prepare.readers import read
from tests.prepare import made_up

HEADER = "file,emotion,intensity,speaker,language,split,start,end\n"


def labelled(root, rows, videos=("a.mp4", "b/c.mov"), header=HEADER):
    made_up.text(root, "labels.csv", header + rows)
    return made_up.files(root, videos)


def test_every_video_is_a_source_and_a_speaker_of_its_own(tmp_path):
    made_up.files(tmp_path, ["b/x.MOV", "a.mp4", "b/c/é ü.mkv", ".hidden.mp4", ".git/y.mp4"])
    made_up.files(tmp_path, ["notes.txt", "song.mp3"])
    sources = read("folder", tmp_path).sources
    assert {s.path.removeprefix(f"{tmp_path}/") for s in sources} == {
        "a.mp4", "b/c/é ü.mkv", "b/x.MOV"
    }  # fmt: skip
    assert {s.place for s in sources} == {"a.mp4", "b/c/é ü.mkv", "b/x.MOV"}
    assert len({s.speaker for s in sources}) == 3
    assert {(s.split, s.emotion) for s in sources} == {("train", NO_EMOTION)}


def test_the_table_tells_what_it_tells(tmp_path):
    rows = "a.mp4,happy,0.8,anna,English,test,1.5,20\nb\\c.mov,SAD,,ben,,,,\n"
    sad, happy = sorted(read("folder", labelled(tmp_path, rows)).sources, key=lambda s: -s.emotion)
    assert (happy.emotion, happy.intensity) == (Emotion.HAPPY, 0.8)
    assert (happy.speaker, happy.language, happy.split) == ("anna", "English", "test")
    assert (happy.start_s, happy.end_s) == (1.5, 20.0)
    assert (sad.emotion, sad.intensity, sad.speaker, sad.split) == (6, 1.0, "ben", "train")


def test_columns_may_come_in_any_order_and_number(tmp_path):
    labelled(tmp_path, "anna,a.mp4\n", header="\ufeffSpeaker, file\n")
    assert {s.speaker for s in read("folder", tmp_path).sources} == {"anna", "b/c"}


def test_several_spans_of_a_file_are_several_sources(tmp_path):
    labelled(tmp_path, "a.mp4,happy,,,,,0,5\na.mp4,sad,,,,,5,9.5\n")
    found = {(s.id, s.start_s, s.end_s) for s in read("folder", tmp_path).sources}
    assert found == {("a_0", 0, 5), ("a_5", 5, 9.5), ("b--c", 0, None)}


def test_a_table_elsewhere_is_named(tmp_path):
    made_up.files(tmp_path / "videos", ["a.mp4"])
    table = made_up.text(tmp_path, "mine.csv", f"{HEADER}{tmp_path}/videos/a.mp4,fear,,,,,,\n")
    (source,) = read("folder", tmp_path / "videos", labels=str(table)).sources
    assert source.emotion == Emotion.FEAR


def test_accents_match_however_they_are_written(tmp_path):
    made_up.files(tmp_path, ["e\u0301.mp4"])  # as macOS composes it
    made_up.text(tmp_path, "labels.csv", f"{HEADER}\u00e9.mp4,fear,,,,,,\n")
    assert read("folder", tmp_path).sources[0].emotion == Emotion.FEAR


@pytest.mark.parametrize(
    "row, said",
    [
        ("a.mp4,hapy,,,,,,", r"found 'hapy' in line 3 .* .did you mean 'happy'"),
        ("a.mp4,anger,,,,,,", "did you mean 'angry'"),
        ("a.mp4,happy,1.5,,,,,", "expected an intensity from 0 to 1, found '1.5' in line 3"),
        ("a.mp4,happy,nan,,,,,", "found 'nan' in line 3"),
        ("a.mp4,,0.5,,,,,", "expected an emotion beside the intensity, found none in line 3"),
        ("a.mp4,,,,,tests,,", "found 'tests' in line 3 .* .did you mean 'test'"),
        ("a.mp4,,,,,,x,", "expected a start in seconds, found 'x' in line 3"),
        ("a.mp4,,,,,,-1,", "found '-1' in line 3"),
        ("a.mp4,,,,,,5,5", "expected an end after the start, found 5 to 5 s in line 3"),
        ("a.mp4,,,,,,,,,", "expected 8 values in line 3 .* found more"),
    ],
)
def test_a_wrong_value_is_told_with_its_line(tmp_path, row, said):
    labelled(tmp_path, f"b/c.mov,,,,,,,\n{row}\n")
    with pytest.raises(UserError, match=said):
        read("folder", tmp_path)


@pytest.mark.parametrize(
    "header, said",
    [
        ("file,emotions\n", "found 'emotions' .did you mean 'emotion'"),
        ("speaker\n", "expected a column 'file' .* found none"),
        ("file;emotion\n", "found 'file;emotion'"),
        ("", "expected a column 'file'"),
    ],
)
def test_a_wrong_header_is_told(tmp_path, header, said):
    labelled(tmp_path, "", header=header)
    with pytest.raises(UserError, match=said):
        read("folder", tmp_path)


@pytest.mark.parametrize("content", [b"file\n\xff\xfe\x00", b'file\n"' + b"x" * 200_000])
def test_a_table_that_is_none_is_one_sentence(tmp_path, content):
    made_up.text(tmp_path, "labels.csv", content)
    with pytest.raises(UserError, match="as CSV in UTF-8, found something else"):
        read("folder", made_up.files(tmp_path, ["a.mp4"]))


def test_a_table_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match="cannot be read .No such file"):
        read("folder", made_up.files(tmp_path, ["a.mp4"]), labels=tmp_path / "none.csv")


def test_a_row_without_its_file_is_left_out_with_the_nearest_name(tmp_path):
    labelled(tmp_path, "a.mp4,sad,,,,,,\nb/d.mov,sad,,,,,,\n")
    listing = read("folder", tmp_path)
    (line,) = listing.dropped
    assert len(listing.sources) == 2
    assert line.source.endswith("line 3") and "did you mean 'b/c.mov'" in line.reason


def test_a_table_of_another_folder_is_told(tmp_path):
    labelled(tmp_path, "x.mp4,sad,,,,,,\n")
    with pytest.raises(UserError, match=r"found none: the table names 'x.mp4'.* \(line 2\)"):
        read("folder", tmp_path)


def test_a_speaker_in_two_splits_is_told(tmp_path):
    labelled(tmp_path, "a.mp4,,,anna,,test,,\nb/c.mov,,,anna,,train,,\n")
    with pytest.raises(UserError, match="found 'anna' in test and, in line 3 .*, in train"):
        read("folder", tmp_path)


def test_one_row_places_all_of_a_speaker(tmp_path):
    labelled(tmp_path, "a.mp4,,,anna,,,,\nb/c.mov,,,anna,,validation,,\n")
    assert {s.split for s in read("folder", tmp_path).sources} == {"validation"}
