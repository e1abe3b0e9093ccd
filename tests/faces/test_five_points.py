"""ArcFace's alignment: the published matrix, and the laws of a similarity."""

import jax.numpy as jnp
import numpy as np

from playmate_jax.faces.five_points import TEMPLATE, five_points, similarity


def test_the_matrix_is_umeyamas():
    # recorded from the original's alignment of these five points
    points = jnp.array([[[210.0, 200], [300, 195], [255, 250], [220, 300], [295, 297]]])
    wanted = [[0.397292, -0.011474, -42.830545], [0.011474, 0.397292, -29.723758]]
    np.testing.assert_allclose(similarity(points)[0], wanted, rtol=1e-4, atol=1e-6)


def test_a_moved_template_is_brought_back():
    c, s = 2.5 * np.cos(0.4), 2.5 * np.sin(0.4)
    moved = TEMPLATE @ np.array([[c, -s], [s, c]]).T + (30.0, -7.0)
    matrix = np.asarray(similarity(jnp.array(moved, jnp.float32)[None])[0])
    found = moved @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(found, TEMPLATE, atol=1e-3)  # of float32, at coordinates of 300


def test_points_that_coincide_give_a_finite_matrix():
    assert np.isfinite(similarity(jnp.zeros((2, 5, 2)))).all()


def test_the_five_points_are_the_meshs_by_name():
    landmarks = jnp.stack([jnp.arange(468.0), jnp.zeros(468)], -1)[None]
    eyes = [(33 + 159 + 133 + 145) / 4, (263 + 386 + 362 + 374) / 4]
    np.testing.assert_allclose(five_points(landmarks)[0, :, 0], [*eyes, 1, 61, 291])
