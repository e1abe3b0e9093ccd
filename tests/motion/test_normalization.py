"""Laws of Eqs. 5 and 6 and of the motion table."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.motion import layout
from playmate_jax.motion.normalization import (
    POSE_STD_FLOOR,
    bounds,
    denormalize,
    motion_statistics,
    normalize,
)


@pytest.fixture
def clips():
    rng = np.random.default_rng(0)
    return [
        (rng.standard_normal((n, 70)) * 2 + rng.standard_normal(70)).astype(np.float32)
        for n in (50, 80, 120)
    ]


def test_the_table_covers_every_number_once():
    slices = (layout.EXPRESSION, layout.SCALE, layout.TRANSLATION, layout.ANGLES)
    covered = np.concatenate([np.arange(70)[part] for part in slices])
    assert sorted(covered) == list(range(layout.MOTION_SIZE))
    assert np.arange(70)[layout.ANGLES].tolist() == [layout.PITCH, layout.YAW, layout.ROLL]


def test_pack_undoes_unpack(clips):
    motion = clips[0]
    parts = layout.unpack(motion)
    assert parts["expression"].shape == (50, layout.KEYPOINTS, 3)
    np.testing.assert_array_equal(layout.pack(parts), motion)


def test_expression_statistics_are_those_of_all_frames_together(clips):
    statistics = motion_statistics(clips)
    frames = np.concatenate(clips)[:, layout.EXPRESSION]
    # one pass in float64 against numpy's two: rounding of float32 storage
    np.testing.assert_allclose(statistics.expression_mean, frames.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(statistics.expression_std, frames.std(0), rtol=1e-5)


def test_pose_statistics_are_private_to_each_clip(clips):
    statistics = motion_statistics(clips)
    for clip in clips:
        pose = normalize(clip, statistics)[:, layout.POSE]
        np.testing.assert_allclose(pose.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(pose.std(0), 1, rtol=1e-5)
    private = np.mean([clip[:, layout.POSE].std(0) for clip in clips], 0)
    np.testing.assert_allclose(statistics.pose_std, private, rtol=1e-5)


def test_a_head_at_rest_is_not_blown_up(clips):
    still = clips[0].copy()
    still[:, layout.POSE] = 1.0
    statistics = motion_statistics([still])
    np.testing.assert_allclose(statistics.pose_std, POSE_STD_FLOOR)
    np.testing.assert_allclose(normalize(still, statistics)[:, layout.POSE], 0, atol=1e-4)


def test_constant_expression_numbers_stay_finite(clips):
    flat = clips[0].copy()
    flat[:, 5] = 0.25
    normalized = normalize(flat, motion_statistics([flat]))
    assert np.isfinite(normalized).all()
    # |value - float64 mean stored as float32| / floor 1e-4
    assert np.abs(normalized[:, 5]).max() < 1e-3


def test_denormalising_around_the_clips_own_pose_inverts(clips):
    statistics, clip = motion_statistics(clips), clips[1]
    pose = clip[:, layout.POSE]
    back = denormalize(normalize(clip, statistics), statistics, pose.mean(0), pose.std(0))
    np.testing.assert_allclose(back, clip, atol=2e-6 * np.abs(clip).max() + 1e-5)


def test_bounds_are_the_extremes_of_the_training_set(clips):
    statistics = motion_statistics(clips)
    low, high = bounds(statistics, pose_bound=8.0)
    normalized = np.concatenate([normalize(clip, statistics) for clip in clips])
    expression = normalized[:, layout.EXPRESSION]
    # equal but for float32 rounding of the stored extremes
    np.testing.assert_allclose(low[layout.EXPRESSION], expression.min(0), atol=1e-4)
    np.testing.assert_allclose(high[layout.EXPRESSION], expression.max(0), atol=1e-4)
    np.testing.assert_array_equal(np.stack([low, high])[:, layout.POSE], [[-8.0] * 7, [8.0] * 7])


def test_head_motion_zero_keeps_the_portraits_pose(clips):
    statistics = motion_statistics(clips)
    own = np.arange(7, dtype=np.float32)
    moved = denormalize(normalize(clips[0], statistics), statistics, own, head_motion=0.0)
    np.testing.assert_array_equal(moved[:, layout.POSE], np.broadcast_to(own, (50, 7)))


def test_numpy_and_jax_agree(clips):
    statistics = motion_statistics(clips)
    here = normalize(clips[0], statistics)
    there = jax.jit(lambda clip: normalize(clip, statistics))(jnp.asarray(clips[0]))
    np.testing.assert_allclose(here, there, atol=2e-5)
