"""Lips against landmarks, on tracks and videos whose answer is known."""

import numpy as np
import pytest

from playmate_jax.media import VideoWriter
from playmate_jax.metrics.video_lips import chance, lips_against_landmarks, measure
from playmate_jax.synthetic.expression import UNIT, UNITS

SOUND = np.zeros(640 * 200, np.float32)


def units(jaw):
    moved = np.zeros((len(jaw), len(UNITS)))
    moved[:, UNIT["jaw"]] = jaw
    return moved


@pytest.fixture
def jaw():
    """Eight seconds of an opening and closing mouth."""
    return np.random.default_rng(0).random(200)


def test_lips_that_move_alike_score_one_whatever_the_scale(jaw):
    figures = lips_against_landmarks(units(jaw), SOUND, 0.02 + 0.3 * jaw)
    assert figures["opening"] == figures["jaw"] == pytest.approx(1)
    assert figures["opening_lag_frames"] == 0 and figures["opening"] > figures["chance"]
    assert figures["envelope"] == 0  # a constant level says nothing


@pytest.mark.parametrize("late", [-7, 0, 7])
def test_lips_out_of_step_are_found_at_their_lag(jaw, late):
    figures = lips_against_landmarks(units(np.roll(jaw, late)), SOUND, jaw)
    assert figures["opening_lag_frames"] == late
    assert figures["opening_at_best_lag"] > 0.95  # but for what rolled over the ends
    assert late == 0 or figures["opening"] < 0.3


def test_lost_frames_are_bridged(jaw):
    slow = np.cumsum(jaw - 0.5) / 20 + 0.5
    seen = slow.copy()
    seen[::7] = np.nan
    figures = lips_against_landmarks(units(slow), SOUND, seen)
    assert figures["opening"] > 0.98
    assert figures["face_seen"] == pytest.approx(171 / 200)  # 29 of 200 are lost


def test_unrelated_lips_do_not_beat_chance(jaw):
    other = np.random.default_rng(1).random(200)
    figures = lips_against_landmarks(units(jaw), SOUND, other)
    assert figures["opening_at_best_lag"] < 1.3 * figures["chance"]
    assert np.isnan(chance(jaw[:50], other[:50]))


class NoFaces:
    """`Landmarker` that sees nobody."""

    def detect(self, image):
        return []

    def track(self, image, previous):
        return None


def test_what_cannot_be_measured_is_named(tmp_path):
    hiss = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    sounds = {"mute.mp4": None, "silent.mp4": 0 * hiss, "faceless.mp4": hiss}
    for name, sound in sounds.items():
        with VideoWriter(tmp_path / name, 25, (32, 32), sound) as out:
            for _ in range(25):
                out.write(np.zeros((32, 32, 3), np.uint8))
    still = lambda audio: np.zeros((len(audio) // 640, 70))  # noqa: E731
    figures = measure([tmp_path / name for name in sounds], still, NoFaces())
    assert figures["videos"] == {} and "mean" not in figures
    assert figures["left_out"] == {
        "mute.mp4": "no sound track",
        "silent.mp4": "its sound track is silent",
        "faceless.mp4": "a face in 0% of the frames",
    }
