"""LivePortrait's rules of motion, checked through matrices and by region, and the smoother."""

import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.geometry.head_pose import rotation
from playmate_jax.inference.reenactment import (
    EXPRESSION_CHANNELS,
    REGIONS,
    reenact,
    smooth,
    without,
)
from playmate_jax.motion.layout import (
    EXPRESSION,
    MOTION_SIZE,
    PITCH,
    POSE,
    ROLL,
    SCALE,
    TRANSLATION,
    YAW,
    unpack,
)


def _motion(n, seed=0):
    rng = np.random.default_rng(seed)
    motion = rng.normal(0, 5, (n, MOTION_SIZE)).astype(np.float32)
    motion[:, SCALE] = rng.uniform(0.6, 0.9, (n, 1))
    motion[:, TRANSLATION] = rng.normal(0, 0.05, (n, 3))
    return motion


def _matrix(motion):
    return np.asarray(rotation(*(jnp.asarray(motion[..., i]) for i in (PITCH, YAW, ROLL))))


OWN, DRIVING = _motion(1, 1)[0], _motion(6)


def test_relative_motion_is_the_change_on_the_portraits_own():
    """R = R_i R_0^T R_s, delta = delta_s + delta_i - delta_0, s = s_s s_i / s_0, t likewise."""
    moved = reenact(DRIVING, OWN)
    r = _matrix(DRIVING)
    np.testing.assert_allclose(_matrix(moved), r @ r[0].T @ _matrix(OWN), atol=1e-5)
    found, d, s = unpack(moved), unpack(DRIVING), unpack(OWN)
    for name in ("expression", "translation"):
        np.testing.assert_allclose(found[name], s[name] + d[name] - d[name][0], atol=1e-5)
    np.testing.assert_allclose(found["scale"], s["scale"] * d["scale"] / d["scale"][0], atol=1e-6)


def test_the_first_relative_frame_is_the_portrait_itself():
    """Hence x of the first frame is x_s, and "expression-friendly" multiplies by one."""
    np.testing.assert_allclose(reenact(DRIVING, OWN)[0], OWN, atol=1e-4)


def test_absolute_motion_takes_the_driving_face_but_not_its_size():
    moved = reenact(DRIVING, OWN, "absolute")
    np.testing.assert_allclose(_matrix(moved), _matrix(DRIVING), atol=1e-6)
    np.testing.assert_array_equal(moved[:, TRANSLATION], DRIVING[:, TRANSLATION])
    np.testing.assert_array_equal(moved[:, SCALE], np.broadcast_to(OWN[SCALE], (6, 1)))
    kept = ~EXPRESSION_CHANNELS[EXPRESSION]
    np.testing.assert_array_equal(moved[:, EXPRESSION][:, ~kept], DRIVING[:, EXPRESSION][:, ~kept])
    np.testing.assert_array_equal(
        moved[:, EXPRESSION][:, kept], np.tile(OWN[EXPRESSION][kept], (6, 1))
    )


def test_the_expression_channels_are_liveportraits():
    """13 keypoints whole, y of 3 and 4, z of 5 and 8, y and z of 9."""
    channels = EXPRESSION_CHANNELS[EXPRESSION].reshape(21, 3)
    whole = [1, 2, 6, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
    assert channels[whole].all() and channels.sum() == 13 * 3 + 6
    assert channels[3].tolist() == channels[4].tolist() == [False, True, False]
    assert channels[5].tolist() == channels[8].tolist() == [False, False, True]
    assert channels[9].tolist() == [False, True, True]
    assert not EXPRESSION_CHANNELS[POSE].any()


MOVED = {
    "all": set(range(70)),
    "expression": set(range(63)),
    "pose": set(range(64, 70)),  # LivePortrait keeps the size unless everything moves
    "lips": {3 * k + i for k in (6, 12, 14, 17, 19, 20) for i in range(3)},
    "eyes": {3 * k + i for k in (11, 13, 15, 16, 18) for i in range(3)},
}


@pytest.mark.parametrize("mode", ["relative", "absolute"])
@pytest.mark.parametrize("region", REGIONS)
def test_a_region_moves_alone(mode, region):
    moved = reenact(DRIVING, OWN, mode, region)
    changed = set(np.flatnonzero((moved != OWN).any(0)).tolist())
    allowed = MOVED[region]
    if mode == "absolute":
        allowed = (
            allowed - set(range(63, 64)) - set(np.flatnonzero(~EXPRESSION_CHANNELS[:63]).tolist())
        )
    assert changed == allowed
    whole = reenact(DRIVING, OWN, mode)
    np.testing.assert_array_equal(moved[:, sorted(changed)], whole[:, sorted(changed)])


def test_a_source_video_keeps_its_own_size_and_place():
    """Relative: R_i R_0^T R_s,t and expression on LivePortrait's channels, frame by frame."""
    own = _motion(6, 2)
    moved = reenact(DRIVING, own)
    np.testing.assert_array_equal(moved[:, SCALE], own[:, SCALE])
    np.testing.assert_array_equal(moved[:, TRANSLATION], own[:, TRANSLATION])
    r = _matrix(DRIVING)
    np.testing.assert_allclose(_matrix(moved), r @ r[0].T @ _matrix(own), atol=1e-5)
    change = own + DRIVING - DRIVING[0]
    np.testing.assert_allclose(
        moved[:, EXPRESSION_CHANNELS], change[:, EXPRESSION_CHANNELS], atol=1e-5
    )
    lips = reenact(DRIVING, own, "absolute", "lips")
    assert (lips != own).any(0).sum() == 18


def test_frames_may_come_in_parts():
    first = DRIVING[0]
    parts = [reenact(DRIVING[i : i + 2], OWN, first=first) for i in (0, 2, 4)]
    np.testing.assert_allclose(np.concatenate(parts), reenact(DRIVING, OWN), atol=1e-6)


def test_gain_scales_what_departs_from_the_portrait():
    whole, half = reenact(DRIVING, OWN), reenact(DRIVING, OWN, gain=0.5)
    np.testing.assert_allclose(half - OWN, (whole - OWN) / 2, atol=1e-5)
    np.testing.assert_allclose(reenact(DRIVING, OWN, gain=0.0) - OWN, 0, atol=1e-6)


def test_without_puts_a_region_back():
    back = without(reenact(DRIVING, OWN), OWN, "eyes")
    np.testing.assert_array_equal(back, np.where(np.isin(np.arange(70), list(MOVED["eyes"])), OWN,
                                                 reenact(DRIVING, OWN)))  # fmt: skip


def test_unknown_words_are_refused():
    with pytest.raises(UserError, match="did you mean 'lips'"):
        reenact(DRIVING, OWN, region="lip")
    with pytest.raises(UserError, match="'relative'"):
        reenact(DRIVING, OWN, "relativ")


def _kalman(values, observation, process):
    """Textbook filter and Rauch-Tung-Striebel smoother of a random walk, one number at a time."""
    means, variances = [values[0]], [1.0 * observation / (1.0 + observation)]
    for value in values[1:]:
        predicted = variances[-1] + process
        gain = predicted / (predicted + observation)
        means.append(means[-1] + gain * (value - means[-1]))
        variances.append((1 - gain) * predicted)
    for t in range(len(values) - 2, -1, -1):
        pull = variances[t] / (variances[t] + process)
        means[t] = means[t] + pull * (means[t + 1] - means[t])
    return np.array(means)


@pytest.mark.parametrize("observation", [3e-7, 1e-5, 1e-3])
def test_smoothing_is_the_kalman_smoother(observation):
    """LivePortrait's: process variance 1e-5, variance 1 before the first frame."""
    motion = _motion(40) / 50
    frames = (observation / 1e-5) ** 0.5
    expected = _kalman(motion.astype(np.float64), observation, 1e-5)
    # 1e-3: the variance before the first frame is not infinite, as the solve has it
    np.testing.assert_allclose(smooth(motion, frames), expected, atol=2e-4)


def test_smoothing_has_no_delay_and_leaves_lines_of_time_alone():
    pulse = np.zeros((41, MOTION_SIZE), np.float32)
    pulse[20] = 1
    smoothed = smooth(pulse, 2.0)
    np.testing.assert_allclose(smoothed, smoothed[::-1], atol=1e-6)
    assert smoothed[20].max() < 0.3 and smoothed.sum(0) == pytest.approx(np.ones(70), abs=1e-4)
    still = np.ones((9, MOTION_SIZE), np.float32)
    np.testing.assert_allclose(smooth(still, 5.0), still, atol=1e-6)


def test_no_smoothing_changes_nothing_and_angles_go_the_short_way():
    motion = _motion(5)
    assert smooth(motion, 0.0) is motion
    turning = np.zeros((4, MOTION_SIZE), np.float32)
    turning[:, YAW] = [178, 179, -180, -179]
    turned = smooth(turning, 1.0)[:, YAW]
    assert 177.9 < turned.min() and turned.max() < 181.1
