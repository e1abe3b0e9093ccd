"""Emotions asked for in words."""

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.inference.emotion import parse_emotion
from playmate_jax.motion.layout import EMOTIONS


def _at(frame, **asked):
    row = dict(zip(EMOTIONS, frame, strict=True))
    return all(row[name] == pytest.approx(asked.get(name, 0), abs=1e-6) for name in EMOTIONS)


def test_one_name_is_full_intensity_for_the_whole_clip():
    frames = parse_emotion("happy").frames(3)
    assert frames.shape == (3, 8) and frames.dtype == np.float32
    assert all(_at(frame, happy=1) for frame in frames)


def test_a_blend_keeps_its_intensities():
    assert _at(parse_emotion(" Happy = 0.8 , surprised=.2 ").frames(1)[0], happy=0.8, surprised=0.2)


def test_a_blend_over_one_is_scaled_to_one():
    assert _at(parse_emotion("happy,sad").frames(1)[0], happy=0.5, sad=0.5)


def test_a_track_is_linear_between_keys_and_held_outside():
    """Keys at 1 s and 3 s: frame 50 (2 s) is halfway; 25 fps."""
    frames = parse_emotion("1:neutral,3:happy=0.8,surprised=0.2").frames(120)
    assert _at(frames[0], neutral=1)
    assert _at(frames[50], neutral=0.5, happy=0.4, surprised=0.1)
    assert _at(frames[119], happy=0.8, surprised=0.2)


def test_a_file_holds_a_key_a_line(tmp_path):
    path = tmp_path / "feelings for 'her'.txt"
    path.write_text("# a comment\n0: neutral\n2.5: happy=0.8, surprised=0.2  # then this\n")
    assert parse_emotion(str(path)) == parse_emotion("0:neutral,2.5:happy=0.8,surprised=0.2")


def test_describe_reads_back():
    for text in ("happy=0.5", "0:neutral,2.5:happy=0.8,surprised=0.2"):
        track = parse_emotion(text)
        assert parse_emotion(track.describe()) == track


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hapy", "did you mean 'happy'"),
        ("surprise=1", "did you mean 'surprised'"),
        ("happy=1.5", "from 0 to 1"),
        ("happy=-1", "from 0 to 1"),
        ("happy=nan", "from 0 to 1"),
        ("happy=", "from 0 to 1"),
        ("", "expected an emotion"),
        (",,", "expected an emotion"),
        ("happy,happy", "twice"),
        ("2:happy,1:sad", "increase"),
        ("x:happy", "seconds before"),
        ("-1:happy", "seconds before"),
        ("missing.txt", "check the path"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, told):
    with pytest.raises(UserError, match=told) as error:
        parse_emotion(text)
    assert "\n" not in str(error.value)
