"""MEAD's folders, in their several forms, become labelled sources with their sound."""

import pytest

from playmate_jax.data.records import NO_EMOTION
from playmate_jax.errors import UserError
from playmate_jax.motion.layout import Emotion
from playmate_jax.prepare.readers import read
from tests.prepare import made_up

FORMS = (
    "video/{view}/{emotion}/level_{level}/{take:03d}.mp4",
    "video/{view}/{emotion}_level_{level}/{take:03d}.mp4",
    "{view}/{emotion}/level_{level}/{take:03d}.mp4",
    "{actor}_{view}_{emotion}_level_{level}_{take:03d}.mp4",
)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_folders_is_the_same_data_set(tmp_path, form):
    sources = read("mead", made_up.mead(tmp_path / "MEAD", form=form)).sources
    assert len(sources) == 2 * (7 * 3 + 1) * 2  # actors, emotions by levels and neutral, takes
    first = sources[0]
    assert first.id == "M003_front_angry_level_1_001" and first.speaker == "M003"
    assert first.emotion == Emotion.ANGRY
    assert first.audio == str(tmp_path / "MEAD/M003/audio/angry/level_1/001.m4a")


def test_levels_are_thirds_and_neutral_is_whole(tmp_path):
    sources = read("mead", made_up.mead(tmp_path, takes=1)).sources
    found = {(Emotion(s.emotion), round(s.intensity, 4)) for s in sources}
    thirds = {(e, v) for e in Emotion if e != Emotion.NEUTRAL for v in (0.3333, 0.6667, 1.0)}
    assert found == thirds | {(Emotion.NEUTRAL, 1.0)}


def test_the_front_is_read_and_other_views_are_counted(tmp_path):
    made_up.mead(tmp_path, ["M003"], ["sad"], ["front", "left_30", "top"], takes=1)
    listing = read("mead", tmp_path)
    assert len(listing.sources) == 3 and all("_front_" in s.id for s in listing.sources)
    assert "left_30 3, top 3" in listing.dropped[0].reason


@pytest.mark.parametrize("views, number", [("front,top", 6), (("left_30",), 3), ("all", 9)])
def test_views_can_be_asked_for(tmp_path, views, number):
    made_up.mead(tmp_path, ["M003"], ["sad"], ["front", "left_30", "top"], takes=1)
    sources = read("mead", tmp_path, views=views).sources
    assert len(sources) == number
    assert len({s.audio for s in sources}) == 3  # one recording of sound for all views


def test_an_unknown_view_is_told_with_the_nearest(tmp_path):
    with pytest.raises(UserError, match="found 'left30' .did you mean 'left_30'"):
        read("mead", made_up.mead(tmp_path), views="left30")


def test_without_sound_files_the_video_has_its_own(tmp_path):
    sources = read("mead", made_up.mead(tmp_path, sound=False)).sources
    assert {s.audio for s in sources} == {""}


def test_a_folder_that_is_no_emotion_is_counted_and_not_guessed(tmp_path):
    made_up.mead(tmp_path, ["M003"], ["sad", "bored"], levels=(1, 2), takes=1)
    listing = read("mead", tmp_path)
    bored = [s for s in listing.sources if "bored" in s.id]
    assert {(s.emotion, s.intensity) for s in bored} == {(NO_EMOTION, 0.0)}
    assert "bored of level 1 1, bored of level 2 1" in listing.dropped[0].reason


def test_a_take_that_is_there_in_two_forms_is_one_source(tmp_path):
    for form in FORMS[:2]:
        made_up.mead(tmp_path, ["M003"], ["sad"], takes=1, form=form)
    listing = read("mead", tmp_path)
    assert len(listing.sources) == 3 and "3 takes are here a second time" in (
        listing.dropped[0].reason
    )


def test_actors_and_not_sentences_are_held_out(tmp_path):
    """The published test set has the actors of the training set."""
    actors = [f"M{i:03d}" for i in range(60)]
    made_up.mead(tmp_path, actors, ["sad"], takes=2, sound=False)
    sources = read("mead", tmp_path).sources
    split = {s.speaker: s.split for s in sources}
    assert all(split[s.speaker] == s.split for s in sources)
    assert set(split.values()) == {"train", "validation", "test"}


def test_archives_that_are_not_unpacked_are_no_data_set(tmp_path):
    made_up.text(tmp_path, "M003/video.tar", "")
    with pytest.raises(
        UserError, match="expected MEAD in .* found nothing to use among 1 files"
    ) as told:
        read("mead", tmp_path)
    assert "M003/video/front/angry/level_1/001.mp4" in str(told.value)
