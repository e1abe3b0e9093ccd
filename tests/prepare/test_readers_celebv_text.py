"""CelebV-Text's JSON in all its spellings, and sentences on emotion, become sources."""

import pytest

from playmate_jax.data.records import NO_EMOTION
from playmate_jax.errors import UserError
from playmate_jax.motion.layout import Emotion
from playmate_jax.prepare.readers import read
from tests.prepare import made_up

V, W = "0-5BrmyFsYM", "00-30GQl0TM"


def test_both_spellings_of_a_duration_are_seconds(tmp_path):
    clips = {
        f"{V}_0": made_up.celebv_clip(V, 1.5, 9.64),
        f"{W}_7": made_up.celebv_clip(W, duration={"start_frame": 415.29, "end_frame": 420.88}),
    }
    made_up.celebv_text(tmp_path, {"clips": clips}, [f"raw/{V}.mp4", f"raw/{W}.mp4"])
    spans = {s.id: (s.start_s, s.end_s) for s in read("celebv-text", tmp_path).sources}
    assert spans == {f"{V}_0": (1.5, 9.64), f"{W}_7": (415.29, 420.88)}


def test_a_box_is_in_pixels_or_in_shares(tmp_path):
    shares = {"top": 0.0, "bottom": 0.5, "left": 0.25, "right": 0.75}
    clips = {f"{V}_0": made_up.celebv_clip(V), f"{W}_7": made_up.celebv_clip(W, bbox=shares)}
    made_up.celebv_text(tmp_path, {"clips": clips}, [f"{V}.mp4", f"{W}.mp4"])
    pixels, share = sorted(read("celebv-text", tmp_path).sources, key=lambda s: s.id)
    assert pixels.box == (849, 0, 1872, 937) and pixels.face is None
    assert share.box is None and share.face == (0.5, 0.25)


def test_a_cut_clip_has_no_box_and_takes_the_sound_beside_it(tmp_path):
    info = {"clips": {f"{V}_0": made_up.celebv_clip(V)}}
    videos = [f"raw/{V}.mp4", f"processed/{V}_0.mp4", f"audio/{V}_0.wav"]
    made_up.celebv_text(tmp_path, info, videos)
    (source,) = read("celebv-text", tmp_path).sources
    assert source.path == str(tmp_path / f"processed/{V}_0.mp4") and source.box is None
    assert (source.start_s, source.end_s) == (0.0, None)
    assert source.audio == str(tmp_path / f"audio/{V}_0.wav")


@pytest.mark.parametrize("wrap", [lambda c: c, lambda c: {"clips": c}, lambda c: {"clips_set1": c}])
def test_clips_are_found_at_the_top_or_in_sets_with_or_without_mp4(tmp_path, wrap):
    made_up.celebv_text(tmp_path, wrap({f"{V}_0.mp4": made_up.celebv_clip(V)}), [f"{V}_0.mp4"])
    assert [s.id for s in read("celebv-text", tmp_path).sources] == [f"{V}_0"]


def test_clips_of_one_name_in_two_sets_are_told_apart_in_the_order_of_time(tmp_path):
    late, early = made_up.celebv_clip(V, 50, 60), made_up.celebv_clip(V, 10, 20)
    info = {"clips_set1": {f"{V}_3": late}, "clips_set2": {f"{V}_3": early}}
    texts = {f"{V}_3_2": "She is happy.", f"{V}_3_4": "She is sad."}
    made_up.celebv_text(tmp_path, info, [f"{V}.mp4"], texts)
    sources = read("celebv-text", tmp_path).sources
    assert len({s.id for s in sources}) == 2
    assert {(s.start_s, s.emotion) for s in sources} == {(10, Emotion.HAPPY), (50, Emotion.SAD)}


@pytest.mark.parametrize(
    "sentences, emotion",
    [
        ("The woman looks Surprised all the time.\nHer surprise lasts 5 s.\n", Emotion.SURPRISED),
        ("He is angry for a long time.", Emotion.ANGRY),
        ("He is neutral at first, then he turns happy.", NO_EMOTION),
        ("He smiles.", NO_EMOTION),  # a smile is no label
        ("He is unhappy.", NO_EMOTION),  # nor is a part of a word
    ],
)
def test_an_emotion_is_one_that_all_sentences_name(tmp_path, sentences, emotion):
    info = {"clips": {f"{V}_0": made_up.celebv_clip(V)}}
    made_up.celebv_text(tmp_path, info, [f"{V}_0.mp4"], {f"{V}_0": sentences})
    (source,) = read("celebv-text", tmp_path).sources
    assert source.emotion == emotion
    assert source.intensity == (1.0 if emotion != NO_EMOTION else 0.0)


def test_clips_that_change_their_emotion_are_counted(tmp_path):
    info = {"clips": {f"{V}_0": made_up.celebv_clip(V)}}
    made_up.celebv_text(tmp_path, info, [f"{V}_0.mp4"], {f"{V}_0": "Sad, later happy."})
    (line,) = read("celebv-text", tmp_path).dropped
    assert "1 clips change their emotion" in line.reason and f"{V}_0" in line.reason


def test_a_text_that_could_be_of_two_clips_labels_neither(tmp_path):
    info = {"clips": {f"{V}_3": made_up.celebv_clip(V)}}
    texts = {f"{V}_3_2": "She is happy.", f"{V}_3_4": "She is happy."}
    made_up.celebv_text(tmp_path, info, [f"{V}.mp4"], texts)
    assert read("celebv-text", tmp_path).sources[0].emotion == NO_EMOTION


def test_clips_of_one_video_are_one_speaker(tmp_path):
    info = {"clips": {f"{V}_{i}": made_up.celebv_clip(V, i, i + 1) for i in range(3)}}
    made_up.celebv_text(tmp_path, info, [f"{V}.mp4"])
    assert {s.speaker for s in read("celebv-text", tmp_path).sources} == {V}


def test_entries_that_say_too_little_are_told(tmp_path):
    broken = {"ytb_id": V, "duration": {}, "bbox": {}}
    clips = {f"{V}_0": made_up.celebv_clip(V), f"{V}_1": broken, f"{V}_2": "text"}
    made_up.celebv_text(tmp_path, {"clips": clips}, [f"{V}.mp4"])
    listing = read("celebv-text", tmp_path)
    assert len(listing.sources) == 1 and "2 clips of celebvtext_info.json" in (
        listing.dropped[0].reason
    )


@pytest.mark.parametrize("content", ["", "[1, 2]", '{"clips": [1]}', "\x00\x01", '{"clips"'])
def test_a_table_that_is_none_is_one_sentence(tmp_path, content):
    made_up.text(tmp_path, "celebvtext_info.json", content)
    with pytest.raises(UserError, match="found something else in"):
        read("celebv-text", tmp_path)
