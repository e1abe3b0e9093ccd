"""What keypoints say about a head: the fit's laws, and numbers worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.geometry.head_pose import rotation
from playmate_jax.models.small import head_motion

RIDGE = 1e-3  # of `affine_motion`
POINTS = np.random.default_rng(0).uniform(-0.6, 0.6, (1, 9, 3)).astype(np.float32)
ONES = np.ones(9, np.float32)


def fit(driving, source, weights=ONES):
    return np.asarray(head_motion.affine_motion(*map(jnp.asarray, (driving, source, weights))))[0]


def pulled(matrix, driving=POINTS[0]):
    """What the ridge leaves of a true affine motion: (N + r)^-1 N m, N = the points' moments."""
    points = np.concatenate([driving, np.ones((len(driving), 1))], -1).astype(np.float64)
    moments = points.T @ points
    return np.linalg.solve(moments + RIDGE * np.eye(4), moments @ matrix)


def moved(points, matrix):
    return (points + np.concatenate([points, np.ones_like(points[..., :1])], -1) @ matrix).astype(
        np.float32
    )


R = np.asarray(rotation(*jnp.array([5.0, 20.0, -8.0])))  # degrees
SHIFT = np.array([0.05, -0.02, 0.01])
TURN = np.concatenate([R - np.eye(3), [SHIFT]])
SHEAR = np.random.default_rng(1).normal(0, 0.2, (4, 3))


@pytest.mark.parametrize("matrix", [TURN, SHEAR], ids=["turn", "shear"])
def test_the_fit_is_the_true_motion_but_for_the_ridge(matrix):
    found = fit(POINTS, moved(POINTS, matrix))
    np.testing.assert_allclose(found, pulled(matrix), atol=2e-6)  # float32 of the normal equations
    # The ridge is to break ties, not to be seen: 0.1 % of moments of about one.
    np.testing.assert_allclose(found, matrix, atol=2 * RIDGE * np.abs(matrix).max())


def test_equal_keypoints_are_no_motion():
    np.testing.assert_array_equal(fit(POINTS, POINTS), np.zeros((4, 3)))


def test_keypoints_in_one_plane_have_a_motion_too():
    flat = POINTS * np.array([1, 1, 0], np.float32)
    found = fit(flat, moved(flat, TURN))
    assert np.abs(found[2]).max() < 1e-6  # nothing was seen along z
    np.testing.assert_allclose(found[[0, 1, 3]], TURN[[0, 1, 3]], atol=2 * RIDGE)


def test_keypoints_of_no_weight_have_no_say():
    source = moved(POINTS, TURN)
    source[0, 3:5] += 0.3  # a smile
    weights = ONES.copy()
    weights[3:5] = 0
    rest = np.delete(np.arange(9), [3, 4])
    alone = fit(POINTS[:, rest], source[:, rest], ONES[rest])
    np.testing.assert_allclose(fit(POINTS, source, weights), alone, atol=2e-6)


def test_displacement_is_target_minus_point():
    grid = POINTS.reshape(1, 3, 3, 3)  # any number of axes
    found = head_motion.displacement(jnp.asarray(TURN[None], jnp.float32), jnp.asarray(grid))
    np.testing.assert_allclose(found, (POINTS @ R + SHIFT - POINTS).reshape(grid.shape), atol=1e-6)


# One keypoint over the upper right cell of a 2 x 2 image, whose centres are at +-0.5.
CORNER = jnp.array([[[0.5, -0.5, 0.9]]])
FROM_CORNER = np.array([[1.0, 0.0], [2.0, 1.0]])  # squared, z does not count


def test_heat_maps_and_distances_are_those_of_the_image_plane():
    squared = head_motion.squared_distances(CORNER, 2, 2)[0, ..., 0]
    np.testing.assert_allclose(squared, FROM_CORNER, atol=1e-6)
    heat = head_motion.image_heat_maps(CORNER, 2, 2, 0.8)[0, ..., 0]
    np.testing.assert_allclose(heat, np.exp(-FROM_CORNER / (2 * 0.64)), atol=1e-6)
    wide = head_motion.pixel_grid(2, 4)
    assert wide.shape == (2, 4, 2)
    np.testing.assert_allclose(wide[1, 0], [-0.75, 0.5])  # x of the first column, y of the last row


def test_the_surface_is_at_the_nearest_keypoints_depth():
    keypoints = jnp.array([[[-0.75, 0.0, -0.4], [0.75, 0.0, 0.2]]])
    squared = head_motion.squared_distances(keypoints, 1, 9)
    depth = head_motion.surface_depth(keypoints, squared)[0, 0, :, 0]
    np.testing.assert_allclose(depth[np.array([0, 4, 8])], [-0.4, -0.1, 0.2], atol=1e-6)


def test_the_prior_stands_still_far_away_and_follows_near_keypoints():
    squared = jnp.array([0.0, 0.2, 4.0]).reshape(1, 1, 3, 1)
    still, head, own = np.asarray(head_motion.motion_prior(squared))[0, 0].T
    assert own[0] > head[0] > still[0]  # on the keypoint
    assert still[1] > head[1] > own[1] and still[2] > still[1]  # 0.45 away, and further
    np.testing.assert_allclose([still[2], own[2]], [6.0, -6.0])  # bounded: the network can overrule


def test_the_prior_has_a_gradient_also_where_distances_are_computed_twice():
    def loss(keypoints):
        squared = head_motion.squared_distances(keypoints, 8, 8)
        return jnp.sin(head_motion.motion_prior(squared)).sum()

    keypoints = jax.random.uniform(jax.random.key(0), (2, 7, 3), minval=-1, maxval=1)
    gradient = jax.jit(jax.grad(loss))(keypoints)
    assert np.isfinite(gradient).all() and np.abs(gradient[..., :2]).max() > 1
