"""LivePortrait's crop, and sampling through affine maps."""

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.faces import choice_note, crop_face, face_square, pick_face
from playmate_jax.faces.warp import apply, invert, sample
from tests.faces.conftest import face_of_points


def _image(height: int = 300, width: int = 400) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    wave = 128 + 60 * np.sin(columns / 15) + 60 * np.cos(rows / 11)
    return np.stack([wave, columns / width * 255, rows / height * 255], -1).astype(np.uint8)


def test_square_by_hand():
    """An upright face of 100 pixels: brows at -50, chin at +50, half as wide as 90."""
    square = face_square(face_of_points(200, 150, 100))
    assert square.side == pytest.approx(230, abs=0.01)  # 2.3 x the taller extent
    assert square.angle == pytest.approx(0, abs=1e-6)
    assert (square.x, square.y) == pytest.approx((200, 150 - 0.125 * 230), abs=0.01)


@pytest.mark.parametrize("roll_deg", [-170, -60, -10, 0, 25, 90])
def test_crop_of_a_turned_face_is_upright(roll_deg: float):
    face = face_of_points(200, 150, 80, np.deg2rad(roll_deg))
    crop = crop_face(_image(), face, size=256)
    eye, mouth = crop.to_crop(np.stack([face.eye_centre, face.mouth_centre]))
    assert eye[0] == pytest.approx(128, abs=0.01) and mouth[0] == pytest.approx(128, abs=0.01)
    assert mouth[1] - eye[1] == pytest.approx(0.5 / 2.3 * 256, abs=0.01)
    # the middle of the face lies an eighth of the side below the middle of the crop
    middle = crop.to_crop(np.array([[200.0, 150.0]]))[0]
    assert middle == pytest.approx([128, 128 + 32], abs=0.02)


def test_without_rotation_the_axes_are_the_images():
    square = face_square(face_of_points(200, 150, 80, 0.4), rotate=False)
    assert square.angle == 0
    assert square.side > 0


def test_crop_moves_and_scales_with_the_face():
    small = face_square(face_of_points(100, 90, 40, 0.3))
    large = face_square(face_of_points(2 * 100 + 7, 2 * 90 - 5, 80, 0.3))
    assert large.side == pytest.approx(2 * small.side, rel=1e-5)
    assert (large.x, large.y) == pytest.approx((2 * small.x + 7, 2 * small.y - 5), abs=1e-3)


def test_sampling_in_place_is_the_image():
    image = _image()
    assert (sample(image, np.eye(2, 3), (400, 300)) == image).all()


def test_a_shift_by_whole_pixels_is_exact():
    image = _image()
    shifted = sample(image, np.array([[1, 0, 5], [0, 1, 3.0]]), (390, 290))
    assert (shifted == image[3:293, 5:395]).all()


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_reduction_is_the_mean_of_its_pixels(factor: int):
    noise = np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    side = 150 // factor
    small = sample(noise, np.array([[factor, 0, 0], [0, factor, 0.0]]), (side, side))
    mean = noise.reshape(side, factor, side, factor, 3).mean((1, 3))
    assert abs(small - mean).max() <= 0.51  # rounding; aliasing would be off by a hundred


def test_a_reduced_crop_keeps_its_place():
    """A coordinate ramp tells where each pixel of a shrinking, turned crop was taken from."""
    rows, columns = np.mgrid[:600, :600]
    ramp = np.stack([columns, rows, columns], -1).astype(np.float32) / 600 * 255
    turn = 2.7 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    matrix = np.column_stack([turn, [150, 60]])
    crop = sample(ramp.astype(np.uint8), matrix, (100, 100))
    v, u = np.mgrid[20:60, 20:60] + 0.5
    there = apply(matrix, np.stack([u.ravel(), v.ravel()], -1)) - 0.5
    inside = ((there > 5) & (there < 590)).all(1)
    error = crop[20:60, 20:60].reshape(-1, 3)[inside, :2] - there[inside] / 600 * 255
    assert inside.sum() > 500
    assert abs(error.mean(0)).max() < 0.75  # the ramp was cut to whole levels: half a level below


def test_maps_are_inverted():
    matrix = face_square(face_of_points(200, 150, 80, 0.4)).matrix(512)
    points = np.random.default_rng(0).uniform(0, 512, (20, 2))
    assert np.allclose(apply(invert(matrix), apply(matrix, points)), points, atol=1e-9)


def test_border_is_black_or_the_edge():
    image = np.full((100, 100, 3), 90, np.uint8)
    face = face_of_points(50, 20, 60)
    assert (crop_face(image, face).image[0, 256] == 0).all()
    assert (crop_face(image, face, border="edge").image == 90).all()


def test_largest_face_is_the_default_and_said():
    faces = [face_of_points(0, 0, size) for size in (90, 60, 30)]
    assert pick_face(faces) is faces[0]
    assert pick_face(faces, 3) is faces[2]
    assert choice_note(faces[:1]) is None
    assert "3 faces found, taking the largest" in (choice_note(faces) or "")
    assert "number 2" in (choice_note(faces, 2) or "")


@pytest.mark.parametrize("number", [0, 4, -1])
def test_a_face_that_is_not_there_is_one_sentence(number: int):
    with pytest.raises(UserError, match="from 1 to 3"):
        pick_face([face_of_points(0, 0, 50)] * 3, number)
    with pytest.raises(UserError, match=r"no|none in 'a\.png'"):
        pick_face([], number, "a.png")
