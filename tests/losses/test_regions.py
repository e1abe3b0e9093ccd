"""Crops and masks of the face, the lips and the shoulders."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.geometry.grid_sample import cell_centres, grid_sample_2d
from playmate_jax.losses.regions import (
    LIPS,
    Box,
    below,
    box_of,
    cascade_boxes,
    covered,
    crop,
    eyes_covered,
    lips_covered,
)
from playmate_jax.motion.layout import LIP_KEYPOINTS


def image(size: int = 16):
    return jax.random.uniform(jax.random.key(0), (2, size, size, 3))


def box(x, y, half) -> Box:
    return Box(jnp.array([[x, y]] * 2), jnp.array([half] * 2))


def landmarks():
    """468 points in the upper half of the image, lips in the middle of the lower."""
    points = jax.random.uniform(jax.random.key(1), (2, 468, 2), minval=-0.5, maxval=0.0)
    lips = jnp.array([[-0.2, 0.5], [0.2, 0.5], [0.0, 0.4], [0.0, 0.6]])
    return points.at[:, jnp.array(LIPS)].set(lips)


def test_a_box_by_hand():
    # extents .4 and .2: the larger, times 1.5, is .6
    found = box_of(jnp.array([[[-0.1, 0.2], [0.3, 0.4]]]), 1.5)
    np.testing.assert_allclose(found.centre, [[0.1, 0.3]], atol=1e-6)
    np.testing.assert_allclose(found.half, [0.3], atol=1e-6)


def test_a_box_is_moved_into_the_image_and_is_never_empty():
    found = box_of(jnp.array([[[0.9, 0.0], [0.9, 0.0]], [[-3.0, 0.0], [3.0, 0.0]]]), 1.5)
    np.testing.assert_allclose(found.half, [0.1, 1.0], atol=1e-6)
    np.testing.assert_allclose(found.centre, [[0.9, 0.0], [0.0, 0.0]], atol=1e-6)


def test_the_crop_of_the_whole_image_is_the_image():
    np.testing.assert_allclose(crop(image(), box(0, 0, 1.0), 16), image(), atol=1e-6)


def test_a_crop_on_pixel_edges_is_a_slice():
    # x from -.5 to .5 and y from 0 to 1 of 16 pixels: columns 4 to 11, rows 8 to 15
    found = crop(image(), box(0, 0.5, 0.5), 8)
    np.testing.assert_allclose(found, image()[:, 8:, 4:12], atol=1e-6)


def test_a_larger_crop_is_sampled_bilinearly():
    b = box(0.13, -0.2, 0.4)
    at = b.centre[:, None, None] + b.half[0] * jnp.stack(
        jnp.meshgrid(cell_centres(12), cell_centres(12)), -1
    )
    np.testing.assert_allclose(crop(image(), b, 12), grid_sample_2d(image(), at), atol=1e-5)


def test_a_smaller_crop_is_anti_aliased():
    stripes = jnp.broadcast_to(jnp.arange(16.0) % 2, (2, 16, 16))[..., None]
    found = crop(stripes, box(0, 0, 1.0), 4)
    # four pixels of 0 and 1 in turn to one; every fourth pixel alone would be 0 or 1
    assert float(jnp.abs(found - 0.5).max()) < 0.1


def test_the_gradient_reaches_the_pixels_that_are_seen_and_not_the_box():
    def loss(image, points):
        return jnp.square(crop(image, box_of(points, 1.0), 8)).sum()

    points = jnp.array([[[-0.5, 0.0], [0.5, 1.0]]] * 2)
    to_image, to_points = jax.grad(loss, argnums=(0, 1))(image(), points)
    assert (to_points == 0).all()
    assert (to_image[:, 8:, 4:12] != 0).all()
    assert (to_image[:, :7] == 0).all()


def test_rows_without_landmarks_are_cropped_by_their_keypoints():
    points = landmarks()
    keypoints = (
        jnp.zeros((2, 21, 3)).at[:, jnp.array(LIP_KEYPOINTS), 0].set(jnp.linspace(0, 0.5, 6))
    )
    found = cascade_boxes(points, jnp.array([True, False]), keypoints)
    np.testing.assert_allclose(found["lips"].centre, [[0.0, 0.5], [0.25, 0.0]], atol=1e-6)
    np.testing.assert_allclose(found["lips"].half, [0.3, 0.375], atol=1e-6)
    assert found["face"].half[0] == box_of(points, 1.1).half[0]


def test_a_mask_by_hand():
    # x from -.5 to .5, y flat: no narrower than half of the width, -.25 to .25; 8 pixels of .25
    mask = covered(jnp.array([[[-0.5, 0.0], [0.5, 0.0]]]), 8, margin=1.0)[0, ..., 0]
    expected = np.zeros((8, 8))
    expected[3:5, 2:6] = 1
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("mask", [eyes_covered, lips_covered])
def test_masks_cover_their_part_and_leave_most_of_the_image(mask):
    found = mask(landmarks(), 32)
    assert found.shape == (2, 32, 32, 1)
    assert set(np.unique(found)) == {0.0, 1.0} and found.mean() < 0.5


def test_the_lips_are_not_in_the_eyes_mask():
    assert float((eyes_covered(landmarks(), 32)[:, 22:]).max()) == 0
    assert float(lips_covered(landmarks(), 32)[0, 24, 16, 0]) == 1


def test_shoulders_are_below_the_face():
    # the lowest landmark is at y = .6: of 10 rows of .2 the last two lie below
    mask = below(landmarks(), 10)
    np.testing.assert_array_equal(mask[0, :, 0, 0], [0] * 8 + [1] * 2)
