"""Head pose from a driving source."""

import wave

import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.geometry.head_pose import rotation
from playmate_jax.inference.driving import follow, read_driving
from playmate_jax.inference.face_renderer import FaceRenderer
from playmate_jax.inference.motion_files import MotionClip, write_motion
from playmate_jax.inference.networks import Networks
from playmate_jax.motion.layout import MOTION_SIZE, PITCH, POSE, ROLL, SCALE, TRANSLATION, YAW
from playmate_jax.motion.timing import back_and_forth, retime
from tests.random_weights import TINY_RENDERER


def _motion(n, seed=0):
    rng = np.random.default_rng(seed)
    motion = rng.normal(0, 5, (n, MOTION_SIZE)).astype(np.float32)
    motion[:, SCALE] = rng.uniform(0.6, 0.9, (n, 1))
    motion[:, TRANSLATION] = rng.normal(0, 0.05, (n, 3))
    return motion


def _matrix(pose):
    full = np.zeros((len(pose), MOTION_SIZE), np.float32)
    full[:, POSE] = pose
    return np.asarray(rotation(*(jnp.asarray(full[:, angle]) for angle in (PITCH, YAW, ROLL))))


def test_relative_pose_starts_at_the_portraits_own():
    own = _motion(1, 1)[0]
    pose = follow(_motion(6), own, 6)
    np.testing.assert_allclose(pose[0], own[POSE], atol=1e-4)


def test_relative_rotation_is_the_driving_change_times_the_own():
    """R = R_i R_0^T R_s, checked through the matrices."""
    driving, own = _motion(6), _motion(1, 1)
    found = _matrix(follow(driving, own[0], 6))
    r, r_s = _matrix(driving[:, POSE]), _matrix(own[:, POSE])[0]
    np.testing.assert_allclose(found, r @ r[0].T @ r_s, atol=1e-5)


def test_absolute_pose_has_the_driving_angles():
    driving, own = _motion(6), _motion(1, 1)[0]
    full = np.zeros((6, MOTION_SIZE), np.float32)
    full[:, POSE] = follow(driving, own, 6, "absolute")
    for angle in (PITCH, YAW, ROLL):
        np.testing.assert_allclose(full[:, angle], driving[:, angle], atol=1e-5)
    # scale and translation speak of the driving crop: only their changes are taken
    np.testing.assert_allclose(full[0, SCALE], own[SCALE], atol=1e-6)
    np.testing.assert_allclose(full[0, TRANSLATION], own[TRANSLATION], atol=1e-6)


def test_one_driving_frame_is_absolute_and_held():
    driving, own = _motion(1), _motion(1, 1)[0]
    pose = follow(driving, own, 5)
    assert np.ptp(pose, axis=0).max() == 0
    np.testing.assert_allclose(_matrix(pose)[0], _matrix(driving[:, POSE])[0], atol=1e-5)


def test_zero_gain_keeps_the_head_still():
    own = _motion(1, 1)[0]
    pose = follow(_motion(6), own, 6, "absolute", gain=0.0)
    np.testing.assert_allclose(pose, np.broadcast_to(own[POSE], pose.shape), atol=1e-6)


def test_short_driving_goes_back_and_forth():
    rows = back_and_forth(np.arange(3.0)[:, None], 8)[:, 0]
    assert rows.tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
    assert back_and_forth(np.ones((1, 2)), 3).shape == (3, 2)


def test_retime_keeps_straight_lines_straight():
    """50 fps to 25: every second row; 20 fps to 25: positions 0.8 apart."""
    line = np.arange(20.0)[:, None]
    assert retime(line, 50.0)[:, 0].tolist() == list(range(0, 20, 2))
    np.testing.assert_allclose(retime(line, 20.0)[:5, 0], [0, 0.8, 1.6, 2.4, 3.2], atol=1e-6)


def _never():
    raise AssertionError


_TINY = Networks(FaceRenderer(TINY_RENDERER, {}), {}, _never)


def test_a_recording_is_refused_as_driving(tmp_path):
    path = tmp_path / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    with pytest.raises(UserError, match="driving video, image or motion file"):
        read_driving(path, _TINY, longest=10)


def test_a_motion_file_drives_at_25_frames_a_second(tmp_path):
    """20 fps to 25: positions 0.8 apart, of the openness too; no face is looked for."""
    motion = np.repeat(np.arange(8, dtype=np.float32)[:, None], MOTION_SIZE, 1)
    motion[:, SCALE] += 1
    openness = np.repeat(np.arange(8, dtype=np.float32)[:, None], 3, 1)
    write_motion(tmp_path / "m.npz", MotionClip(motion, 20, openness))
    clip = read_driving(tmp_path / "m.npz", _TINY, longest=5).at_25_fps()
    assert clip.fps == 25
    np.testing.assert_allclose(clip.motion[:, YAW], [0, 0.8, 1.6, 2.4, 3.2], atol=1e-4)
    np.testing.assert_allclose(clip.openness[:, 2], [0, 0.8, 1.6, 2.4, 3.2], atol=1e-6)


def test_angles_are_retimed_the_short_way_round(tmp_path):
    motion = _motion(2)
    motion[:, YAW] = 0
    motion[:, ROLL] = [179, -179]
    write_motion(tmp_path / "m.npz", MotionClip(motion, 12.5))
    clip = read_driving(tmp_path / "m.npz", _TINY, longest=9).at_25_fps()
    np.testing.assert_allclose(clip.motion[:, ROLL], [179, 180, 181, 181], atol=1e-3)
