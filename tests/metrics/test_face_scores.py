"""What landmarks and sound say: copies, shifts and pauses, with values by hand."""

import numpy as np
import pytest

from playmate_jax.metrics.videos.face_scores import (
    blinks_a_minute,
    first_frame_jump,
    head_motion,
    landmark_distances,
    lips_and_sound,
)
from tests.metrics.made_up_videos import FRAMES, landmarks_of, opening_and_sound


def clip(opening, **how):
    return np.stack([landmarks_of(value, **how) for value in opening])


@pytest.fixture(scope="module")
def spoken():
    said, sound = opening_and_sound()
    return clip(said), sound


def test_a_copy_has_no_distance(spoken):
    landmarks, _ = spoken
    assert landmark_distances(landmarks, landmarks) == {"landmark_distance": 0, "mouth_distance": 0}


def test_a_shift_moves_the_face_and_not_the_mouth(spoken):
    landmarks, _ = spoken
    moved = landmarks + np.array([3, 4, 0], np.float32)
    found = landmark_distances(moved, landmarks)
    # five pixels; the eyes are 0.4 of 40 pixels apart
    assert found["landmark_distance"] == pytest.approx(100 * 5 / 16, rel=1e-4)
    assert found["mouth_distance"] == pytest.approx(0, abs=1e-4)


def test_frames_without_a_face_say_nothing(spoken):
    landmarks, _ = spoken
    gaps = landmarks.copy()
    gaps[5:9] = np.nan
    assert landmark_distances(gaps, landmarks)["landmark_distance"] == 0
    assert np.isnan(landmark_distances(gaps[5:9], landmarks[5:9])["mouth_distance"])


def test_late_sound_lowers_the_correlation_and_the_delay_is_found(spoken):
    landmarks, sound = spoken
    in_step = lips_and_sound(landmarks, sound)
    assert in_step["jaw_sync"] > 0.8 and in_step["jaw_delay_frames"] == 0
    before = in_step["jaw_sync"]
    for late in (1, 3, 7):
        moved = np.concatenate([np.zeros(late * 640, np.float32), sound])[: len(sound)]
        found = lips_and_sound(landmarks, moved)
        assert found["jaw_sync"] < before and found["jaw_delay_frames"] == -late
        before = min(before, found["jaw_sync"] + 0.3)


def test_lips_that_move_in_pauses_are_seen(spoken):
    landmarks, sound = spoken
    assert lips_and_sound(landmarks, sound)["silence_motion"] < 0.1
    said, _ = opening_and_sound()
    restless = said + 0.2 * (np.arange(FRAMES) % 2)
    # 0.2 of 0.3 of the face's side, over the nose's 0.3
    found = lips_and_sound(clip(restless), sound)["silence_motion"]
    assert found == pytest.approx(20, rel=0.05)


def test_silence_and_short_clips_cannot_be_told(spoken):
    landmarks, sound = spoken
    assert np.isnan(lips_and_sound(landmarks, np.zeros_like(sound))["jaw_sync"])
    assert np.isnan(lips_and_sound(landmarks[:20], sound)["jaw_sync"])


def test_blinks_are_counted_and_closed_eyes_are_none():
    lids = np.full(100, 0.4)
    lids[[20, 21, 22, 60, 61]] = 0.05
    found = np.stack([landmarks_of(0.1, lids=value) for value in lids])
    assert blinks_a_minute(found) == pytest.approx(2 * 60 / 4)
    lids[20:50] = 0.05  # over a second: asleep
    found = np.stack([landmarks_of(0.1, lids=value) for value in lids])
    assert blinks_a_minute(found) == pytest.approx(60 / 4)


def test_a_still_head_has_no_diversity_and_a_turning_one_its_std():
    still = np.stack([landmarks_of(0.1)] * 50)
    assert head_motion(still) == pytest.approx(0, abs=1e-4)
    roll = np.radians(10 * np.sin(np.linspace(0, 4 * np.pi, 50, endpoint=False)))
    middle = still.mean((0, 1))
    turn = np.stack([np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]])
                     for a in roll])  # fmt: skip
    turned = ((still - middle) @ turn + middle).astype(np.float32)
    # std of a sine of 10 degrees is 7.07; pitch and yaw of a flat face do not change much
    assert 7.07 / 3 == pytest.approx(head_motion(turned), rel=0.2)


def test_a_jump_behind_the_first_frame_stands_out():
    changes = np.array([6.0, 1.0, 1.2, 0.8, 1.0], np.float32)
    assert first_frame_jump(changes) == pytest.approx(6)
    assert first_frame_jump(np.ones(5, np.float32)) == 1
    assert np.isnan(first_frame_jump(np.zeros(5, np.float32)))
