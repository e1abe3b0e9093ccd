"""HDTF's five text files, and clips by their several names, become sources."""

import pytest

from playmate_jax.prepare.readers import hdtf, read
from tests.prepare import made_up


def by_id(listing) -> dict:
    return {source.id: source for source in listing.sources}


def test_every_span_of_a_line_is_a_clip_of_its_whole_video(tmp_path):
    sources = by_id(read("hdtf", made_up.hdtf(tmp_path, ["videos/Radio11.mp4"])))
    spans = {id: (s.start_s, s.end_s) for id, s in sources.items()}
    assert spans == {"Radio11_0": (30, 60), "Radio11_1": (90, 150)}


def test_a_crop_is_left_width_top_height_and_holds_at_the_listed_height(tmp_path):
    sources = by_id(read("hdtf", made_up.hdtf(tmp_path, ["Radio11.mp4", "Radio2.mp4"])))
    assert sources["Radio11_1"].box == (557, 10, 557 + 478, 10 + 478)
    assert sources["Radio11_1"].box_height == 720
    assert sources["Radio2_0"].box is sources["Radio2_0"].box_height is None  # it lists no crop


def test_a_height_of_0_is_no_height(tmp_path):
    tables = {**made_up.HDTF_TABLES, "resolution": "Radio11.mp4 0\n"}
    sources = by_id(read("hdtf", made_up.hdtf(tmp_path, ["Radio11.mp4"], tables=tables)))
    assert sources["Radio11_0"].box is None


@pytest.mark.parametrize("whole", ["Radio11", "RD_Radio11", "CPCoMyuBRM0"])
def test_whole_videos_have_either_name_or_their_id(tmp_path, whole):
    """The address of the first line is found behind a byte order mark, as it is published."""
    listing = read("hdtf", made_up.hdtf(tmp_path, [f"raw/{whole}.mp4"]))
    assert set(by_id(listing)) == {"Radio11_0", "Radio11_1"}


@pytest.mark.parametrize("cut", ["Radio11_1", "RD_Radio11_1", "RD_Radio11_001"])
def test_a_cut_clip_goes_before_the_whole_video(tmp_path, cut):
    sources = by_id(read("hdtf", made_up.hdtf(tmp_path, ["Radio11.mp4", f"{cut}.mp4"])))
    found = sources["Radio11_1"]
    assert found.path.endswith(f"{cut}.mp4") and found.box is None
    assert (found.start_s, found.end_s) == (0.0, None)
    assert sources["Radio11_0"].path.endswith("/Radio11.mp4")


def test_the_download_script_counts_spans_that_have_a_crop(tmp_path):
    """With the crop of span 0 missing, its file 000 is the second span."""
    tables = {**made_up.HDTF_TABLES, "crop_wh": "Radio11_1.mp4 557 478 10 478\n"}
    made_up.hdtf(tmp_path, ["RD_Radio11_000.mp4"], tables=tables)
    assert list(by_id(read("hdtf", tmp_path))) == ["Radio11_1"]


def test_videos_of_one_person_are_one_speaker(tmp_path):
    tables = {
        "annotion_time": "JohnKasich0.mp4 00:05-01:00\nJohnKasich3.mp4 00:05-01:00\n"
        "WhipJimClyburn.mp4 00:05-01:00\nJamesClyburn1.mp4 00:05-01:00\n",
        "video_url": "JohnKasich0 https://www.youtube.com/watch?v=AAAAAAAAAAA\n"
        "WhipJimClyburn https://www.youtube.com/watch?v=BBBBBBBBBBB\n"
        "JamesClyburn1 https://www.youtube.com/watch?v=BBBBBBBBBBB\n",
    }
    names = ["JohnKasich0", "JohnKasich3", "WhipJimClyburn", "JamesClyburn1"]
    made_up.hdtf(tmp_path, [f"{n}.mp4" for n in names], part="WDA", tables=tables)
    speakers = {id[:-2]: s.speaker for id, s in by_id(read("hdtf", tmp_path)).items()}
    assert speakers["JohnKasich0"] == speakers["JohnKasich3"] == "JohnKasich"
    assert speakers["WhipJimClyburn"] == speakers["JamesClyburn1"]


def test_all_of_it_can_be_the_test_split(tmp_path):
    made_up.hdtf(tmp_path, ["Radio11.mp4", "Radio2.mp4"])
    assert {s.split for s in read("hdtf", tmp_path, split="test").sources} == {"test"}


def test_cut_clips_without_the_text_files_are_read_by_their_names(tmp_path):
    made_up.files(tmp_path, ["RD_Radio11_0.mp4", "WDA_AdamSchiff_000.mp4", "notes.mp4"])
    sources = by_id(read("hdtf", tmp_path))
    assert {id: s.speaker for id, s in sources.items()} == {
        "RD_Radio11_0": "Radio",
        "WDA_AdamSchiff_000": "AdamSchiff",
    }


def test_missing_videos_and_odd_spans_are_told(tmp_path):
    times = "Radio11.mp4 00:30-00:10 x 01:00:05-01:00:10\nGone.mp4 00:00-00:10\n"
    made_up.hdtf(tmp_path, ["Radio11.mp4"], tables={"annotion_time": times})
    listing = read("hdtf", tmp_path)
    reasons = " ".join(line.reason for line in listing.dropped)
    assert [(s.id, s.start_s, s.end_s) for s in listing.sources] == [("Radio11_2", 3605, 3610)]
    assert "1 of 4 clips have no file" in reasons and "Radio11_1 'x'" in reasons


def test_a_name_of_digits_alone_stays_a_speaker():
    assert hdtf.speaker_of("2020") == "2020"
