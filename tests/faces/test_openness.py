"""Openness of lips and eyes by hand."""

import numpy as np
import pytest

from playmate_jax.faces import Face
from playmate_jax.faces.openness import (
    brow_height,
    eye_ratios,
    lip_openness,
    lip_ratio,
    mouth_width,
    openness,
    openness_of,
)
from tests.faces.conftest import face_of_points


def _mouth(gap: float, size: float = 100, roll: float = 0.0) -> np.ndarray:
    landmarks = face_of_points(200, 150, size, roll).landmarks.copy()
    down = np.array([-np.sin(roll), np.cos(roll), 0])
    for upper, lower in ((13, 14), (82, 87), (312, 317)):
        landmarks[upper] = landmarks[0] - down * gap / 2 * size
        landmarks[lower] = landmarks[0] + down * gap / 2 * size
    return landmarks


def test_lips_by_hand():
    assert lip_ratio(_mouth(0.15)) == pytest.approx(0.15 / 0.3, rel=1e-4)  # mouth 0.3 wide
    nose = np.hypot(0.3, 0.1)  # 0.3 along the face, 0.1 in depth
    assert lip_openness(_mouth(0.15)) == pytest.approx(0.15 / nose, rel=1e-4)
    assert mouth_width(_mouth(0.15)) == pytest.approx(0.3 / nose, rel=1e-4)
    assert lip_openness(_mouth(0.0)) == pytest.approx(0, abs=1e-6)


def test_eyes_by_hand():
    assert eye_ratios(_mouth(0)) == pytest.approx([0.5, 0.5], rel=1e-4)  # 0.1 high, 0.2 wide


def test_brows_by_hand_and_without_blinks():
    landmarks = np.zeros((468, 2), np.float32)
    landmarks[[33, 133, 263, 362]] = (-3, 0), (-1, 0), (3, 0), (1, 0)  # corners of the eyes
    landmarks[[105, 334]] = (-2, -1), (2, -1.5)
    landmarks[[168, 2]] = (0, 0), (0, 4)
    assert brow_height(landmarks) == pytest.approx([1 / 4, 1.5 / 4], rel=1e-4)
    closed = landmarks.copy()
    closed[[159, 145]] = -2, 0.1
    np.testing.assert_array_equal(brow_height(closed), brow_height(landmarks))


@pytest.mark.parametrize(("size", "roll"), [(50, 0.0), (100, 0.7), (400, -2.0)])
def test_openings_do_not_know_size_or_turn(size: float, roll: float):
    assert lip_openness(_mouth(0.1, size, roll)) == pytest.approx(
        lip_openness(_mouth(0.1)), rel=1e-3
    )
    assert lip_ratio(_mouth(0.1, size, roll)) == pytest.approx(lip_ratio(_mouth(0.1)), rel=1e-3)


def test_many_faces_at_once():
    many = np.stack([_mouth(gap) for gap in (0.0, 0.1, 0.2)])
    assert lip_openness(many).shape == (3,) and eye_ratios(many).shape == (3, 2)
    assert (np.diff(lip_openness(many)) > 0).all()


def test_openings_are_linear_in_time_where_the_face_was_not_seen():
    """Mouth 0.3 wide: openness of 0.1 and 0.3 give 1/3 and 1, and 2/3 half way between them."""
    faces = [Face(_mouth(gap).astype(np.float32), 1.0, 1.0) for gap in (0.1, 0.3)]
    found = openness_of([None, faces[0], None, faces[1], None])
    np.testing.assert_allclose(found[:, 2], np.array([1, 1, 2, 3, 3]) / 3, rtol=1e-4)
    np.testing.assert_allclose(found[:, :2], 0.5, rtol=1e-4)
    np.testing.assert_allclose(found[1], openness(faces[0].landmarks), rtol=1e-6)
