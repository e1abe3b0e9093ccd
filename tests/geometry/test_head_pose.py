"""Head pose: the fixture is LivePortrait's, the rest are laws."""

import jax.numpy as jnp
import numpy as np

from playmate_jax.geometry import head_pose

# float32: angles of up to 180 degrees carry 1e-5 degrees, entries of a rotation 1e-7.
DEGREES, ENTRIES = 1e-4, 1e-6


def test_rotation_is_liveportraits():
    ours = head_pose.rotation(jnp.float32(10.0), jnp.float32(20.0), jnp.float32(30.0))
    theirs = [
        [0.813798, 0.469846, -0.342020],
        [-0.440970, 0.882564, 0.163176],
        [0.378522, 0.018028, 0.925416],
    ]
    np.testing.assert_allclose(ours, theirs, atol=ENTRIES)


def test_rotation_is_the_transposed_product_of_the_axes():
    pitch, yaw, roll = np.deg2rad([12.0, -33.0, 71.0])
    turn_x = [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    turn_y = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    turn_z = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    product = np.array(turn_z) @ np.array(turn_y) @ np.array(turn_x)
    ours = head_pose.rotation(*(jnp.float32(angle) for angle in (12.0, -33.0, 71.0)))
    np.testing.assert_allclose(ours, product.T, atol=ENTRIES)


def test_angles_invert_rotation():
    random = np.random.default_rng(0)
    pitch, roll = jnp.asarray(random.uniform(-170, 170, (2, 200)), jnp.float32)
    yaw = jnp.asarray(random.uniform(-85, 85, 200), jnp.float32)
    back = head_pose.angles(head_pose.rotation(pitch, yaw, roll))
    # asin loses digits near 90 degrees: at 85 the derivative is 11.
    for ours, expected in zip(back, (pitch, yaw, roll)):
        np.testing.assert_allclose(ours, expected, atol=20 * DEGREES)


def test_even_bins_look_straight_ahead():
    np.testing.assert_allclose(
        head_pose.degrees_from_bins(jnp.zeros((2, 66))), [0.0, 0.0], atol=DEGREES
    )


def test_each_certain_bin_is_its_centre():
    logits = 200.0 * jnp.eye(66)
    centres = -97.5 + 3.0 * np.arange(66)
    np.testing.assert_allclose(head_pose.degrees_from_bins(logits), centres, atol=DEGREES)
