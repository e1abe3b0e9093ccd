"""Motion metrics on cases whose answer is known by hand."""

import numpy as np
import pytest

from playmate_jax.metrics import motion as metrics
from playmate_jax.motion.layout import ANGLES, EXPRESSION, PITCH, ROLL, YAW
from playmate_jax.synthetic.emotion import PROTOTYPES
from playmate_jax.synthetic.expression import BASIS, UNIT


def heads(amplitude=(1.0, 2.0, 0.5), clips=3, n=100):
    motion = np.zeros((clips, n, 70))
    t = np.arange(n) / 25
    for i, a in enumerate(amplitude):
        motion[..., PITCH + i] = a * np.sin(2 * np.pi * t) + i * 10
    return motion


def test_std_is_within_clips_and_deaf_to_the_base_pose():
    motion = heads()
    motion[0, :, ANGLES] += 30
    # a whole number of periods of a sine of amplitude a: std a / sqrt 2
    np.testing.assert_allclose(
        metrics.within_clip_std(motion), np.array([1, 2, 0.5]) / np.sqrt(2), rtol=1e-6
    )


def test_half_the_motion_scores_half_and_a_frozen_roll_scores_nothing():
    true, generated = heads(), heads((0.5, 1.0, 0.0))
    score = metrics.compare_head_motion(true, generated)
    assert score["std_ratio_pitch"] == pytest.approx(0.5, rel=1e-6)
    assert score["jitter_ratio_yaw"] == pytest.approx(0.5, rel=1e-6)
    assert score["std_ratio_roll"] == 0 and score["jitter_ratio_roll"] == 0


def test_trembling_is_jitter_and_hardly_std():
    true, generated = heads(), heads()
    generated[..., YAW] += 0.1 * (-1.0) ** np.arange(100)
    score = metrics.compare_head_motion(true, generated)
    assert score["jitter_ratio_yaw"] > 3 and score["std_ratio_yaw"] < 1.02
    assert score["jitter_ratio_pitch"] == pytest.approx(1)
    assert metrics.jitter(generated)[1] > metrics.jitter(true)[1]


def test_smooth_motion_has_no_joints_and_a_jump_has():
    smooth = np.random.default_rng(0).standard_normal((4, 300, 70))
    ratio = metrics.joint_acceleration(smooth, [100, 200])
    # white noise is alike everywhere: 16 of 1192 samples are at joints, so within 30 %
    assert 0.7 < ratio["expression"] < 1.3 and 0.7 < ratio["pose"] < 1.3
    jump = np.cumsum(np.cumsum(0.01 * smooth, 1), 1)
    before = metrics.joint_acceleration(jump, [100, 200])["pose"]
    jump[:, 100:, ROLL] += 50
    after = metrics.joint_acceleration(jump, [100, 200])
    assert after["pose"] > 10 * before
    assert after["expression"] < 1.5


def showing(units):
    return np.tile(units, (50, 1))


def test_each_prototype_is_its_own_nearest():
    for i, prototype in enumerate(PROTOTYPES):
        for intensity in (0.5, 1.0):
            offset = metrics.emotion_offset(showing(prototype * intensity))
            assert metrics.nearest_emotion(offset, intensity) == i


def test_lips_and_blinks_do_not_change_the_emotion():
    units = showing(PROTOTYPES[5])
    units[:, :5] = np.random.default_rng(0).random((50, 5))
    units[10:14, UNIT["lid_l"]] = units[10:14, UNIT["lid_r"]] = 1
    assert metrics.nearest_emotion(metrics.emotion_offset(units)) == 5


def test_a_baseline_is_taken_away():
    habit = np.zeros(18)
    habit[UNIT["smile"]] = 0.6
    sad = showing(PROTOTYPES[6] + habit)
    assert metrics.nearest_emotion(metrics.emotion_offset(sad, showing(habit))) == 6


def test_amplitude_reads_intensity():
    for intensity in (0.0, 0.4, 1.0, 1.3):
        offset = metrics.emotion_offset(showing(PROTOTYPES[7] * intensity))
        assert metrics.emotion_amplitude(offset, 7) == pytest.approx(intensity, abs=1e-6)
    assert metrics.emotion_amplitude(offset, 0) == 0


def test_monotone():
    assert metrics.rises_monotonically([0, 0.2, 0.19, 0.6])
    assert not metrics.rises_monotonically([0, 0.5, 0.3])
    assert not metrics.rises_monotonically([0, 0, 0])


def test_units_are_read_from_motion():
    units = np.random.default_rng(0).random((5, 18)).astype(np.float32)
    motion = np.zeros((5, 70), np.float32)
    motion[:, EXPRESSION] = units @ BASIS
    np.testing.assert_allclose(metrics.units_of(motion), units, atol=1e-4)


def test_blinks_are_counted_by_both_lids():
    units = np.zeros((1, 25 * 30, 18), np.float32)
    lids = [UNIT["lid_l"], UNIT["lid_r"]]
    for frame in (10, 200, 400):
        units[0, frame : frame + 4, lids] = np.array([0.6, 1.0, 0.4, 0.35])
    units[0, 600:604, UNIT["lid_l"]] = 1  # a wink
    units[0, 700:704, lids] = 0.45  # half shut
    assert metrics.blinks_a_minute(units) == 6
    assert metrics.blinks_a_minute(np.concatenate([units, 0 * units])) == 3
