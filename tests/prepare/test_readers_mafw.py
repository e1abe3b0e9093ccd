"""MAFW's labels, single and compound, in its several files, become sources."""

import pytest

from playmate_jax.data.records import NO_EMOTION
from playmate_jax.errors import UserError
from playmate_jax.motion.layout import Emotion
from playmate_jax.prepare.readers import read
from tests.prepare import made_up

LISTS = "Train & Test Set"  # as the published archive unpacks


def emotions(listing) -> dict[str, int]:
    return {source.id: source.emotion for source in listing.sources}


def test_single_labels_are_emotions_whatever_the_captions_say(tmp_path):
    """Captions name emotions too; the label is the second column alone."""
    made_up.mafw(tmp_path, {"00151": "happiness", "00152": "sadness"}, {}, ["00151", "00152"])
    listing = read("mafw", tmp_path)
    assert emotions(listing) == {"00151": Emotion.HAPPY, "00152": Emotion.SAD}
    assert {s.intensity for s in listing.sources} == {1.0} and not listing.dropped


def test_labels_without_a_class_are_counted_and_their_clips_kept(tmp_path):
    single = {"00001": "anxiety", "00002": "helplessness", "00003": "anxiety", "00004": "fear"}
    compound = {"00005": "sadness_surprise", "00006": "anger_disgust_contempt"}
    listing = read("mafw", made_up.mafw(tmp_path, single, compound, [*single, *compound]))
    assert emotions(listing) == {**dict.fromkeys([*single, *compound], NO_EMOTION), "00004": 4}
    (line,) = listing.dropped
    assert line.stage == "label"
    assert "5 clips" in line.reason
    assert "(anxiety 2, compound labels 2, helplessness 1)" in line.reason


def test_a_single_label_goes_before_a_compound_one(tmp_path):
    made_up.mafw(tmp_path, {"00001": "anger"}, {"00001": "anger_disgust"}, ["00001"])
    assert emotions(read("mafw", tmp_path)) == {"00001": Emotion.ANGRY}


def test_the_lists_of_the_folds_are_labels_too(tmp_path):
    made_up.files(tmp_path, ["data/clips/00001.mp4", "data/clips/00002.mp4"])
    for split, line in (("train", "00001.mp4 disgust\n"), ("test", "00002.mp4 contempt\n")):
        made_up.text(tmp_path, f"{LISTS}/single/no_caption/set_1/{split}.txt", line)
    assert emotions(read("mafw", tmp_path)) == {"00001": 2, "00002": 3}


def test_captions_in_another_encoding_do_no_harm(tmp_path):
    made_up.files(tmp_path, ["clips/00001.mp4"])
    line = "00001.mp4\tsurprise\t一个女人\tA woman.\n".encode("gbk")
    made_up.text(tmp_path, f"{LISTS}/single/with_caption/set_1/train.txt", line)
    assert emotions(read("mafw", tmp_path)) == {"00001": Emotion.SURPRISED}


def test_a_fold_is_used_where_it_is_asked_for(tmp_path):
    clips = [f"{i:05d}" for i in range(10)]
    made_up.files(tmp_path, [f"clips/{clip}.mp4" for clip in clips])
    for fold in (1, 2):
        for split in ("train", "test"):
            held = {c for i, c in enumerate(clips) if i % 5 == fold}
            names = held if split == "test" else set(clips) - held
            lines = "".join(f"{clip}.mp4 fear\n" for clip in sorted(names))
            made_up.text(tmp_path, f"{LISTS}/single/no_caption/set_{fold}/{split}.txt", lines)
    test = {s.id for s in read("mafw", tmp_path, fold="2").sources if s.split == "test"}
    assert test == {"00002", "00007"}
    assert {s.split for s in read("mafw", tmp_path).sources} == {"train"}  # ten speakers are few


@pytest.mark.parametrize("fold, said", [("6", "from 1 to 5, found '6'"), (3, "fold 3 as single")])
def test_a_fold_that_is_none_is_told(tmp_path, fold, said):
    made_up.mafw(tmp_path, {"00001": "fear"}, {}, ["00001"])
    with pytest.raises(UserError, match=said):
        read("mafw", tmp_path, fold=fold)


def test_missing_and_unlabelled_clips_are_told(tmp_path):
    made_up.mafw(tmp_path, {"00001": "fear", "00002": "fear"}, {}, ["00001", "00009"])
    listing = read("mafw", tmp_path)
    reasons = " ".join(line.reason for line in listing.dropped)
    assert emotions(listing) == {"00001": Emotion.FEAR, "00009": NO_EMOTION}
    assert "1 of 2 clips have no file" in reasons and "1 clips have no label" in reasons


def test_clips_without_any_labels_ask_for_them(tmp_path):
    made_up.files(tmp_path, ["clips/00001.mp4"])
    with pytest.raises(UserError, match="there are 1 clips, but no labels as text"):
        read("mafw", tmp_path)
