"""Acappella's minutes.seconds, clip names and singers become sources."""

import pytest

from playmate_jax.errors import UserError
from playmate_jax.prepare.readers import acappella, read
from tests.prepare import made_up

V, W, X = "HRLcWZinlIE", "-nEvWAxCJXE", "pCTLEzK0Tc0"


@pytest.mark.parametrize(
    "text, seconds",
    [("5.11", 311), ("5.1", 310), ("3", 180), ("0", 0), ("0.29", 29), ("1.5", 110), ("12.07", 727)],
)
def test_times_are_minutes_and_seconds(text, seconds):
    """0.29 * 100 is 28.999... in floating point: it is rounded, not cut off."""
    assert acappella.seconds(text) == seconds


@pytest.mark.parametrize("text", ["1.75", "-1", "nan", "inf", "1:30", ""])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError):
        acappella.seconds(text)


def test_a_whole_video_is_used_with_its_span(tmp_path):
    rows = [(V, "0.31", "3.2", "RatedT4Taylor", "English")]
    made_up.acappella(tmp_path, rows, [f"full-length/{V}.mkv"])
    (source,) = read("acappella", tmp_path).sources
    assert (source.start_s, source.end_s) == (31, 200)
    assert (source.speaker, source.language) == ("RatedT4Taylor", "English")


def test_a_cut_clip_is_called_as_python_prints_its_times(tmp_path):
    rows = [(V, "0", "2.50", "A", "Hindi"), (W, "1.05", "3", "B", "Greek")]
    cut = [f"samples/{V}_0_0_to_2_5.mp4", f"samples/{W}_1_05_to_3_0.mp4"]
    made_up.acappella(tmp_path, rows, [*cut, f"full-length/{V}.mp4"])
    sources = read("acappella", tmp_path).sources
    assert {s.path for s in sources} == {str(tmp_path / name) for name in cut}
    assert all((s.start_s, s.end_s) == (0.0, None) for s in sources)


def test_an_unseen_singer_is_test_with_all_clips_and_seen_sets_are_not_taken(tmp_path):
    """Two of the 53 unseen singers have clips in the published training set."""
    rows = [
        (V, "0", "1", "Nate", "English"),
        (W, "0", "1", "Nate", "English"),
        (X, "0", "1", "Z", ""),
    ]
    made_up.acappella(tmp_path, rows, [f"{v}.mp4" for v in (V, W, X)], unseen=[f"{W}_0_0_to_1_0"])
    splits = {s.id[:11]: s.split for s in read("acappella", tmp_path).sources}
    assert splits == {V: "test", W: "test", X: "train"}


def test_the_table_of_unseen_singers_does_what_splits_json_does(tmp_path):
    rows = [(V, "0", "1", "Nate", "English")]
    made_up.acappella(tmp_path, rows, [f"{V}.mp4"], table="test_unseen.csv")
    (tmp_path / "splits.json").unlink()
    assert [s.split for s in read("acappella", tmp_path).sources] == ["test"]


def test_a_row_in_two_tables_is_one_source(tmp_path):
    rows = [(V, "0", "1", "Nate", "English")]
    made_up.acappella(tmp_path, rows, [f"{V}.mp4"])
    made_up.acappella(tmp_path, rows, [], table="train.csv")
    assert len(read("acappella", tmp_path).sources) == 1


def test_a_row_without_singer_is_known_by_its_video(tmp_path):
    made_up.acappella(tmp_path, [(V, "0", "1", "  ", "English")], [f"{V}.mp4"])
    assert [s.speaker for s in read("acappella", tmp_path).sources] == [V]


def test_missing_videos_and_bad_times_are_told(tmp_path):
    rows = [(V, "0", "1", "A", ""), (W, "0", "1", "B", ""), (X, "2", "1", "C", "")]
    made_up.acappella(tmp_path, rows, [f"{V}.mp4"])
    reasons = " ".join(line.reason for line in read("acappella", tmp_path).dropped)
    assert "1 of 2 clips have no file" in reasons and "full_dataset.csv line 4" in reasons


def test_a_foreign_train_csv_is_not_taken_for_the_table(tmp_path):
    made_up.text(tmp_path, "train.csv", "name,score\na,1\n")
    with pytest.raises(
        UserError, match="there is no full_dataset.csv with times in the columns ID, Init"
    ):
        read("acappella", tmp_path)
