"""Pasting back under a soft mask."""

import numpy as np
import pytest

from playmate_jax.faces import Paster, crop_face, paste_back, soft_mask
from tests.faces.conftest import face_of_points


def _smooth_image(height: int = 240, width: int = 320) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    wave = 128 + 50 * np.sin(columns / 30) + 50 * np.cos(rows / 25)
    return np.stack([wave, 255 - wave, 0.5 * wave], -1).astype(np.uint8)


def test_mask_is_one_inside_and_zero_at_the_edge():
    mask = soft_mask(128)
    assert (mask[40:88, 40:88] == 1).all()
    edges = [mask[0], mask[-1], mask[:, 0], mask[:, -1]]
    assert np.concatenate(edges).max() == 0
    assert np.allclose(mask, mask[::-1]) and np.allclose(mask, mask.T)
    assert abs(np.diff(mask, axis=0)).max() < 0.2  # no visible step


@pytest.mark.parametrize("roll", [0.0, 0.35])
@pytest.mark.parametrize("x", [160, 30])  # the second crop reaches beyond the image
def test_outside_the_mask_every_pixel_is_kept(roll: float, x: float):
    image = _smooth_image()
    crop = crop_face(image, face_of_points(x, 120, 50, roll), size=256)
    pasted = paste_back(image, np.full((256, 256, 3), 255, np.uint8), crop.matrix)
    rows, columns = np.mgrid[:240, :320]
    places = crop.to_crop(np.stack([columns.ravel(), rows.ravel()], -1) + 0.5) / 128 - 1
    radius = (abs(places) ** 4).sum(1).reshape(240, 320) ** 0.25
    assert (pasted[radius > 0.98] == image[radius > 0.98]).all()
    assert (pasted[radius < 0.74] >= 254).all()


@pytest.mark.parametrize("side", [128, 256, 512, 1024])
def test_an_unchanged_crop_changes_nothing(side: int):
    image = _smooth_image()
    face = face_of_points(160, 120, 70, 0.2)
    crop = crop_face(image, face, size=side, border="edge")
    # the crop's matrix speaks of its own pixels; bilinear sampling twice of a smooth image
    assert abs(paste_back(image, crop.image, crop.matrix).astype(int) - image).max() <= 4


def test_frames_of_another_side_fit_the_same_place():
    image = _smooth_image()
    face = face_of_points(160, 120, 70, 0.2)
    matrix = crop_face(image, face, size=512).matrix
    small = crop_face(image, face, size=128, border="edge").image
    assert abs(Paster(image, matrix, 512)(small).astype(int) - image).max() <= 4


def test_a_clip_can_change_the_image_underneath():
    first, second = _smooth_image(), 255 - _smooth_image()
    crop = crop_face(first, face_of_points(160, 120, 50), size=128)
    paster = Paster(first, crop.matrix, 128)
    frame = np.full((128, 128, 3), 7, np.uint8)
    assert (paster(frame, second) == paste_back(second, frame, crop.matrix)).all()
    assert (first == _smooth_image()).all()  # inputs stay as they were


def test_a_crop_beside_the_image_changes_nothing():
    image = _smooth_image()
    crop = crop_face(image, face_of_points(2000, 120, 50), size=128)
    assert (paste_back(image, crop.image, crop.matrix) == image).all()
