"""Pools of synthetic frames: resumable, deterministic, refusing a folder of another pool."""

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.synthetic.draw import draw
from playmate_jax.synthetic.identity import sample_identity
from playmate_jax.synthetic.keypoints import keypoints
from playmate_jax.synthetic.pool import build_pool, open_pool, sample_frames, sample_pose


def test_a_pool_holds_what_its_seed_says(tmp_path):
    pool = build_pool(tmp_path / "a", seed=5, identities=2, frames=2, size=64)
    assert pool.ready() == 2
    units, pose = sample_frames(5, 1, 2)
    np.testing.assert_array_equal(pool.image[1], draw(sample_identity(5, 1), units, pose, 64))
    np.testing.assert_array_equal(pool.units[1], units)
    np.testing.assert_array_equal(pool.x_c[1], keypoints(sample_identity(5, 1)))
    assert set(np.unique(pool.mask)) == {0, 1, 2, 3, 4}


def test_a_resumed_pool_equals_an_uninterrupted_one(tmp_path):
    whole = build_pool(tmp_path / "a", seed=6, identities=3, frames=1, size=64)
    part = open_pool(build_and_break(tmp_path / "b"))
    assert part.ready() == 1
    resumed = build_pool(tmp_path / "b", seed=6, identities=3, frames=1, size=64)
    for name in whole._fields:
        np.testing.assert_array_equal(getattr(whole, name), getattr(resumed, name))


def build_and_break(path):
    """A pool whose second identity was never finished."""
    build_pool(path, seed=6, identities=3, frames=1, size=64)
    pool = open_pool(path, "r+")
    pool.done[1], pool.image[1] = 0, 0
    return path


def test_another_pool_in_the_folder_is_refused(tmp_path):
    build_pool(tmp_path, seed=7, identities=1, frames=1, size=64)
    with pytest.raises(UserError, match="use another folder"):
        build_pool(tmp_path, seed=8, identities=1, frames=1, size=64)
    with pytest.raises(UserError, match=r"no pool\.json"):
        open_pool(tmp_path / "nothing")


def test_turns_of_twenty_degrees_occur_and_strength_scales_them():
    pose = sample_pose(np.random.default_rng(0), 20_000)
    assert 18 < np.abs(pose[:, 1]).max() <= 20.01  # 2.5 x 8 degrees
    np.testing.assert_allclose(pose.std(0)[:3], (5, 8, 4), rtol=0.05)  # cut at 2.5 std: -2 %
    assert np.abs(pose[:, 3] / 0.72 - 1).max() < 0.031
    still = sample_pose(np.random.default_rng(0), 5, strength=0.0)
    np.testing.assert_allclose(still, np.tile([0, 0, 0, 0.72, 0, 0], (5, 1)), atol=1e-7)
