"""AVSpeech's tables without header, and files cut or whole, become sources."""

import os

import pytest

from playmate_jax.errors import UserError
from playmate_jax.prepare.readers import avspeech, read, tree
from tests.prepare import made_up

A, B, C = "AbCdEfGhIj0", "-dash_lead1", "CCCCCCCCCCC"


def test_the_first_row_is_data_and_not_a_header(tmp_path):
    made_up.avspeech(tmp_path, f"{A},90.000000,95.500000,0.25,0.75\n", videos=[f"{A}.mp4"])
    (source,) = read("avspeech", tmp_path).sources
    assert (source.start_s, source.end_s, source.face) == (90.0, 95.5, (0.25, 0.75))
    assert source.path == str(tmp_path / f"{A}.mp4") and source.speaker == A
    assert source.id == f"{A}_90000_95500"


def test_a_copy_with_a_header_is_read_too(tmp_path):
    table = f"youtube_id,start,end,x,y\n{A},1,5,0.5,0.5\n"
    made_up.avspeech(tmp_path, table, videos=[f"{A}.mp4"])
    listing = read("avspeech", tmp_path)
    assert [s.start_s for s in listing.sources] == [1.0] and not listing.dropped


@pytest.mark.parametrize(
    "name", [f"{A}_90.0_95.5", f"{A}_90.000000_95.500000", f"{A}_0090.000000-0095.500000"]
)
def test_a_cut_file_goes_before_the_whole_video_whatever_its_digits(tmp_path, name):
    made_up.avspeech(
        tmp_path, f"{A},90,95.5,0.5,0.5\n", videos=[f"{A}.mp4", f"train/{A}/{name}.mp4"]
    )
    (source,) = read("avspeech", tmp_path).sources
    assert source.path.endswith(f"{name}.mp4") and (source.start_s, source.end_s) == (0.0, None)


def test_whole_videos_have_the_id_or_the_downloaders_name(tmp_path):
    rows = f"{A},1,5,0.5,0.5\n{B},1,5,0.5,0.5\n"
    made_up.avspeech(tmp_path, rows, videos=[f"x/{B}.webm", f"A talk, part 2 [{A}].mkv"])
    listing = read("avspeech", tmp_path)
    assert {s.speaker for s in listing.sources} == {A, B} and not listing.dropped


def test_segments_without_a_file_are_counted_in_one_line(tmp_path):
    rows = f"{A},1,5,0.5,0.5\n{B},1,5,0.5,0.5\n{B},6,9,0.5,0.5\n"
    made_up.avspeech(tmp_path, rows, videos=[f"{A}.mp4"])
    listing = read("avspeech", tmp_path)
    (line,) = listing.dropped
    assert len(listing.sources) == 1
    assert "2 of 3 clips (of 1 videos) have no file" in line.reason and B in line.reason


def test_rows_that_are_none_are_told_with_their_line(tmp_path):
    rows = f"{A},1,5,0.5,0.5\n{A},9,3,0.5,0.5\n{A},1,x,0.5,0.5\n{A},1,5,7,0.5\n\n{A},nan,5,0,0\n"
    made_up.avspeech(tmp_path, rows, videos=[f"{A}.mp4"])
    listing = read("avspeech", tmp_path)
    (line,) = listing.dropped
    assert len(listing.sources) == 1
    assert line.reason.startswith("4 rows are not") and "avspeech_train.csv line 2" in line.reason


def test_the_published_test_set_is_kept_and_a_video_in_both_is_test(tmp_path):
    train, test = f"{A},1,5,0.5,0.5\n{B},1,5,0.5,0.5\n", f"{B},6,9,0.5,0.5\n{C},6,9,0.5,0.5\n"
    made_up.avspeech(tmp_path, train, test, [f"{v}.mp4" for v in (A, B, C)])
    splits = {(s.speaker, s.split) for s in read("avspeech", tmp_path).sources}
    assert splits == {(A, "train"), (B, "test"), (C, "test")}


def test_two_faces_of_one_span_are_two_sources_and_one_row_twice_is_one(tmp_path):
    rows = f"{A},1,5,0.2,0.5\n{A},1,5,0.8,0.5\n{A},1,5,0.8,0.5\n"
    made_up.avspeech(tmp_path, rows, videos=[f"{A}.mp4"])
    sources = read("avspeech", tmp_path).sources
    assert len({s.id for s in sources}) == len(sources) == 2
    assert {s.face for s in sources} == {(0.2, 0.5), (0.8, 0.5)}


def test_without_the_tables_the_layout_is_told(tmp_path):
    made_up.files(tmp_path, [f"{A}.mp4"])
    with pytest.raises(
        UserError, match="there is neither avspeech_train.csv nor avspeech_test.csv"
    ):
        read("avspeech", tmp_path)


def test_no_row_asks_the_file_system(tmp_path, monkeypatch):
    """Millions of rows in seconds: a folder is seen once, and a row looks up its name."""
    rows = "".join(f"{i:011d},1.0,5.0,0.5,0.5\n" for i in range(1000))
    made_up.avspeech(tmp_path, rows, videos=["00000000007.mp4"])
    files = tree.scan(tmp_path)

    def refuse(*args, **kwargs):
        raise AssertionError("a file was asked for")

    for name in ("stat", "lstat", "scandir", "listdir", "access"):
        monkeypatch.setattr(os, name, refuse)
    found = avspeech.read(files)
    monkeypatch.undo()
    assert [source.speaker for source in found.sources] == ["00000000007"]
