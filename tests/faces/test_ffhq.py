"""FFHQ's alignment: facts of the published formula, and a crop that does not shake."""

import numpy as np
import pytest

from playmate_jax.faces import ffhq_square, steady_ffhq_squares
from tests.faces.conftest import face_of_points


def test_a_frontal_face_lies_where_the_formula_says():
    # eyes at (-0.2, -0.25) and (0.2, -0.25), mouth at (0, 0.25) of a face of 100 pixels:
    # |e| = 40, |m| = 50, half side max(80, 90), the middle m / 10 under the eyes
    square = ffhq_square(face_of_points(200.0, 150.0, 100.0))
    assert (square.x, square.y, square.side) == pytest.approx((200, 150 - 25 + 5, 180), abs=1e-3)
    assert square.angle == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("roll", [-0.6, 0.3, 1.2])
def test_roll_is_taken_out(roll: float):
    upright = ffhq_square(face_of_points(200.0, 150.0, 100.0))
    turned = ffhq_square(face_of_points(200.0, 150.0, 100.0, roll))
    assert turned.angle == pytest.approx(roll, abs=1e-5)
    assert turned.side == pytest.approx(upright.side, rel=1e-5)


def test_the_crop_follows_where_the_head_dwells_and_not_how_it_nods():
    nods = [face_of_points(200.0, 150.0 + 10 * np.sin(2 * np.pi * t / 10), 100.0, 0.1 * (-1) ** t)
            for t in range(100)]  # fmt: skip
    steady = steady_ffhq_squares(nods, 12.5)
    assert np.ptp([square.y for square in steady[25:75]]) < 0.2  # of nods of 20 pixels
    assert [square.angle for square in steady] == pytest.approx([0] * 100, abs=1e-3)
    walks = [face_of_points(200.0 + 2 * t, 150.0, 100.0) for t in range(100)]
    places = np.array([square.x for square in steady_ffhq_squares(walks, 12.5)])
    assert np.abs(places - (200 + 2 * np.arange(100)))[40:60].max() < 0.1


def test_frames_without_a_face_are_bridged():
    faces = [face_of_points(200.0, 150.0, 100.0)] * 10
    steady = steady_ffhq_squares([*faces, None, None, *faces], 5.0)
    assert len(steady) == 22
    assert np.ptp([square.x for square in steady]) < 1e-6
