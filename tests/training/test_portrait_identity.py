"""The face that ArcFace sees, cut out of an image."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.faces.ffhq import ffhq_square
from playmate_jax.faces.five_points import TEMPLATE
from playmate_jax.faces.landmarker import LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE, Face
from playmate_jax.hub.weights import save_weights
from playmate_jax.training.portrait_identity import CENTRAL, aligned, arcface_weights


def mesh(points: np.ndarray) -> np.ndarray:
    """Landmarks (468, 2) of which the five points are the given ones."""
    landmarks = np.zeros((468, 2), np.float32)
    landmarks[list(LEFT_EYE)], landmarks[list(RIGHT_EYE)] = points[:2]
    landmarks[[1, *MOUTH_CORNERS]] = points[2:]
    return landmarks


def test_a_face_at_the_templates_place_is_not_moved_and_others_get_the_middle():
    image = jax.random.uniform(jax.random.key(0), (2, 112, 112, 3))
    points = jnp.asarray(np.stack([mesh((2 * TEMPLATE + 1) / 112 - 1), np.zeros((468, 2))]))
    found = aligned(image, points.astype(jnp.float32), jnp.array([True, False]))
    np.testing.assert_allclose(found[0], image[0], atol=1e-3)  # a place is exact to 1e-5 pixels
    assert not np.allclose(found[1], image[1], atol=1e-1)
    gradient = jax.grad(
        lambda x: aligned(x, points.astype(jnp.float32), jnp.array([True, False])).sum()
    )(image)
    assert np.isfinite(gradient).all() and (gradient[0] > 0).all()


def test_the_middle_is_the_templates_crop_in_ffhqs():
    points = np.concatenate([mesh(TEMPLATE + 0.5), np.zeros((468, 1))], 1).astype(np.float32)
    square = ffhq_square(Face(points, 1.0, 1.0))
    assert 112 / square.side == pytest.approx(CENTRAL, abs=0.002)
    assert abs(square.x - 56) < 0.01 * 112 and abs(square.y - 56) < 0.01 * 112


def test_weights_of_another_network_are_refused(tmp_path):
    save_weights(tmp_path / "w", {"kind": "vgg19"}, {"params": {"a": np.zeros(1)}}, {})
    with pytest.raises(UserError, match="expected weights of ArcFace .* those of a 'vgg19'"):
        arcface_weights(str(tmp_path / "w"))
    assert arcface_weights("") == (None, {})
