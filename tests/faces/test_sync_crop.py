"""SyncNet's framing of a face."""

import numpy as np

from playmate_jax.faces import Face, sync_crops, sync_square, sync_squares


def test_the_crop_is_the_originals():
    # box 100 wide and 140 high in the middle of (200, 300): s = 70, crop from y - s to y + 1.8 s,
    # from x - 1.4 s to x + 1.4 s
    points = np.array([[150.0, 230.0], [250.0, 370.0], [200.0, 300.0]])
    corners = sync_square(points).matrix(224) @ np.array([[0, 0, 1], [224, 224, 1]]).T
    np.testing.assert_allclose(corners.T, [[200 - 98, 230], [200 + 98, 300 + 126]])


def test_the_crop_is_steady_and_goes_on_where_the_face_was_lost():
    corners = np.array([[0, 0, 0], [100, 100, 0]], np.float32)
    points = np.resize(corners, (468, 3))  # of a box 100 wide and high
    faces = [Face(points + np.float32([t, 0, 0]), 1.0, 1.0) for t in range(60)]
    squares = sync_squares([*faces[:30], *[None] * 9, *faces[39:]])
    np.testing.assert_allclose([one.side for one in squares], 140.0, rtol=1e-6)
    # away from the ends, a steady movement is kept: x is the box's middle
    np.testing.assert_allclose([one.x for one in squares[25:35]], np.arange(75, 85), atol=0.01)
    # an image whose red is x: in the crop it begins 70 left of the middle and grows by 140 / 56
    images = [np.tile(np.arange(200, dtype=np.uint8)[:, None], (200, 1, 3))] * 60
    crop = list(sync_crops(images, faces, size=56))[30]
    np.testing.assert_allclose(crop[20, :, 0], 10 + 2.5 * (np.arange(56) + 0.5) - 0.5, atol=1)
