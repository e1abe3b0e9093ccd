"""The driving figures on animations whose answer is known."""

import numpy as np
import pytest

from playmate_jax.metrics import driving_pose
from playmate_jax.motion.layout import ANGLES, EXPRESSION
from playmate_jax.synthetic.expression import BASIS, UNIT, UNITS
from playmate_jax.synthetic.pool import POSE_MEAN, POSE_STD

OWN = np.array([4.0, -6.0, 2.0], np.float32)
N = 50


@pytest.fixture
def driver():
    return driving_pose.driving_poses(np.random.default_rng(0), N)


def test_drivers_move_and_stay_within_the_drawn_world(driver):
    assert driver.shape == (N, 6) and driver.dtype == np.float32
    assert (np.abs(driver - POSE_MEAN) <= 2.5 * POSE_STD).all()
    assert (np.ptp(driver[:, :3], axis=0) > POSE_STD[:3] / 2).all()


def test_absolute_is_the_driver_himself(driver):
    angles = driver[:, :3]
    np.testing.assert_array_equal(driving_pose.expected_angles(angles, OWN, "absolute"), angles)


def test_relative_begins_at_the_portraits_own_pose(driver):
    expected = driving_pose.expected_angles(driver[:, :3], OWN, "relative")
    # a rotation and back in float32: 1e-4 degrees
    np.testing.assert_allclose(expected[0], OWN, atol=1e-3)


def test_relative_adds_angles_about_one_axis():
    """Turns about one axis commute, so there the change is a difference of angles."""
    yaw = np.linspace(5, 15, N)
    driver = np.stack([0 * yaw, yaw, 0 * yaw], -1)
    expected = driving_pose.expected_angles(driver, np.array([0.0, -6.0, 0.0]), "relative")
    np.testing.assert_allclose(expected[:, 1], yaw - 5 - 6, atol=1e-3)
    np.testing.assert_allclose(expected[:, [0, 2]], 0, atol=1e-3)


def person(driver, leak=0.0):
    """A portrait that follows but for two degrees of yaw, and speaks alike anyone who drives it."""
    jaw = np.zeros((N, len(UNITS)), np.float32)
    jaw[:, UNIT["jaw"]] = np.random.default_rng(1).random(N)
    free = np.zeros((N, 70), np.float32)
    free[:, EXPRESSION] = jaw @ BASIS
    made = {name: free.copy() for name in ("free", *driving_pose.MODES)}
    expected = {}
    for mode in driving_pose.MODES:
        expected[mode] = driving_pose.expected_angles(driver[:, :3], OWN, mode)
        made[mode][:, ANGLES] = expected[mode] + [0, 2, 0]
        made[mode][:, EXPRESSION] += leak
    return {"asked": made, "seen": made, "expected": expected, "own": OWN}


def test_a_known_error_is_found(driver):
    figures = driving_pose.report([person(driver), person(driver)])
    assert figures["people"] == 2 and figures["frames"] == 2 * N
    for mode in driving_pose.MODES:
        drawn = figures[mode]["drawn"]
        assert drawn["yaw_deg"] == pytest.approx(2, abs=1e-3)
        assert drawn["pitch_deg"] == pytest.approx(0, abs=1e-3)
        assert drawn["mean_deg"] == pytest.approx(2 / 3, abs=1e-3)
        assert figures[mode]["still"]["mean_deg"] > drawn["mean_deg"]


def test_lips_that_stay_and_lips_that_leak(driver):
    lips = driving_pose.report([person(driver)])["lips"]
    assert lips["largest_change_of_motion_relative"] == 0
    assert lips["opening_change_absolute"] == 0
    assert lips["opening_correlation_free"] == pytest.approx(1)
    leaking = driving_pose.report([person(driver, leak=0.01)])["lips"]
    assert leaking["largest_change_of_motion_relative"] == pytest.approx(0.01, rel=1e-3)
    assert leaking["opening_change_relative"] > 0
