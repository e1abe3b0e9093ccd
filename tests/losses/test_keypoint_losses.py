"""Keypoint losses by hand, against the published numbers, and by their laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.losses.keypoints import (
    GUIDED,
    deformation_prior,
    head_pose_l1,
    image_coordinates,
    keypoint_prior,
    landmark_guide,
    wing,
)
from playmate_jax.motion.layout import EYE_KEYPOINTS, LIP_KEYPOINTS


def draw(seed: int, *shape: int):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


def test_the_keypoint_prior_by_hand():
    # two keypoints at distance .1: both orders of 0.1 - 0.01, and mean depth .43, .1 too far
    pair = jnp.array([[[0.0, 0.0, 0.43], [0.1, 0.0, 0.43]]])
    assert float(keypoint_prior(pair).value()) == pytest.approx(2 * 0.09 + 0.1, rel=1e-6)


def test_the_keypoint_prior_is_the_published_sum_less_its_diagonal():
    x = 0.3 * draw(0, 4, 21, 3)
    squared = np.square(np.asarray(x)[:, :, None] - np.asarray(x)[:, None]).sum(-1)
    every_pair = np.maximum(0, 0.1 - squared).sum((1, 2)).mean() - 21 * 0.1
    depth = np.abs(np.asarray(x)[..., 2].mean(1) - 0.33).mean()
    assert float(keypoint_prior(x).value()) == pytest.approx(every_pair + depth, rel=1e-5)


def test_spread_keypoints_at_the_mean_depth_cost_nothing():
    line = jnp.stack([jnp.arange(5.0), jnp.zeros(5), jnp.full(5, 0.33)], -1)[None]
    assert float(keypoint_prior(line).value()) == pytest.approx(0, abs=1e-7)


def test_what_is_equal_already_is_not_moved():
    """`jnp.abs` has gradient 1 at 0."""
    zero = jnp.zeros((2, 3))
    assert (jax.grad(lambda x: head_pose_l1(x, zero).value())(zero) == 0).all()
    assert (jax.grad(lambda x: deformation_prior(x).value())(zero[:, None]) == 0).all()


def test_keypoints_that_coincide_have_a_finite_gradient():
    gradient = jax.grad(lambda x: keypoint_prior(x).value())(jnp.zeros((2, 21, 3)))
    assert np.isfinite(gradient).all()


def test_the_deformation_prior_by_hand():
    delta = jnp.array([[[1.0, -2.0, 0.0]], [[0.0, 0.0, 0.0]]])
    found = deformation_prior(delta)
    assert float(found.total) == 1.0 and float(found.count) == 2


def test_head_pose_by_hand():
    found, wanted = jnp.array([[10.0, -5.0, 0.0]]), jnp.array([[7.0, 1.0, 0.0]])
    assert float(head_pose_l1(found, wanted).value()) == 3.0  # (3 + 6 + 0) / 3 degrees


@pytest.mark.parametrize(("error", "value"), [(1, 4.0547), (5, 12.5276), (20, 27.9176), (0, 0)])
def test_wing_has_its_published_values(error, value):
    assert float(wing(jnp.float32(error))) == pytest.approx(value, abs=5e-5)
    assert float(wing(jnp.float32(-error))) == pytest.approx(value, abs=5e-5)


def test_wing_is_continuous_and_differentiable_at_zero():
    below, above = wing(jnp.array([9.99999, 10.00001]))
    assert float(below) == pytest.approx(float(above), abs=1e-4)
    assert float(jax.grad(wing)(0.0)) == 0


def test_the_guide_by_hand():
    # errors in sides of the image: x .2 / 2 = .1, which is the width: |d| - C = .1 log 11; y 0.
    # One of two guided keypoints is in place: half of it.
    keypoints = jnp.array([[[0.5, 0.5, 9.0], [0.0, 0.0, 9.0], [0.2, 0.1, 9.0]]])
    landmarks = jnp.array([[[0.0, 0.0], [0.0, 0.1]]])
    found = landmark_guide(keypoints, landmarks, guided={1: 0, 2: 1})
    assert float(found.value()) == pytest.approx(0.1 * np.log(11) / 2, rel=1e-5)


def test_keypoints_on_their_landmarks_cost_nothing_and_rows_without_landmarks_nothing():
    landmarks = draw(0, 2, 468, 2)
    keypoints = draw(1, 2, 21, 3)
    on = keypoints.at[:, jnp.array(list(GUIDED)), :2].set(
        landmarks[:, jnp.array(list(GUIDED.values()))]
    )
    assert float(landmark_guide(on, landmarks).value()) == 0
    whole = landmark_guide(keypoints, landmarks, jnp.array([True, False]))
    assert float(whole.count) == 1
    assert float(whole.value()) == float(landmark_guide(keypoints[:1], landmarks[:1]).value())


def test_guided_keypoints_are_those_of_eyes_and_lips():
    assert len(GUIDED) == len(set(GUIDED.values())) == 10
    assert set(GUIDED) <= {*EYE_KEYPOINTS, *LIP_KEYPOINTS}


def test_teachers_get_no_gradient():
    found, wanted = draw(0, 2, 3), draw(1, 2, 3)
    assert (jax.grad(lambda w: head_pose_l1(found, w).value())(wanted) == 0).all()
    keypoints, landmarks = draw(0, 2, 21, 3), draw(1, 2, 468, 2)
    assert (jax.grad(lambda w: landmark_guide(keypoints, w).value())(landmarks) == 0).all()


def test_pixels_become_coordinates_between_the_outer_edges():
    found = image_coordinates(jnp.array([[0.0, 256.0], [128.0, 64.0]]), 256)
    np.testing.assert_array_equal(found, [[-1.0, 1.0], [0.0, -0.5]])


@pytest.mark.parametrize(
    "loss", [keypoint_prior, deformation_prior, lambda x: head_pose_l1(x[:, 0], x[:, 1])]
)
def test_rows_add_up_however_they_are_divided(loss):
    x = 0.2 * draw(0, 5, 21, 3)
    whole = loss(x)
    added = jax.tree.map(jnp.add, loss(x[:2]), loss(x[2:]))
    assert float(added.value()) == pytest.approx(float(whole.value()), rel=1e-6)
    assert float(added.count) == 5
