"""Faces in images that are larger than what the detector is shown."""

import numpy as np

from playmate_jax.faces import Face
from playmate_jax.faces.search import find_faces
from tests.faces.conftest import PointLandmarker


class Sightless(PointLandmarker):
    """Sees no face that is smaller than `least` pixels."""

    def __init__(self, least: float = 0.0):
        super().__init__()
        self.least, self.shapes = least, []

    def detect(self, image: np.ndarray) -> list[Face]:
        self.shapes.append(image.shape[:2])
        return [face for face in super().detect(image) if np.sqrt(face.area) >= self.least]


def scene(height: int, width: int, x: int, y: int, side: int) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[y : y + side, x : x + side] = 255
    return image


def test_an_image_that_is_small_enough_is_searched_as_it_is():
    finder, image = Sightless(), scene(60, 100, 20, 20, 16)
    (face,) = find_faces(image, finder, side=100)
    np.testing.assert_array_equal(face.landmarks, PointLandmarker().detect(image)[0].landmarks)
    assert finder.shapes == [(60, 100)]


def test_a_face_of_a_copy_is_placed_in_the_image_by_its_own_pixels():
    finder, image = Sightless(), scene(600, 1000, 300, 200, 160)
    (face,) = find_faces(image, finder, side=100)
    np.testing.assert_array_equal(face.landmarks, PointLandmarker().detect(image)[0].landmarks)


def test_a_face_that_the_image_does_not_show_again_keeps_its_place_of_the_copy():
    class Once(Sightless):
        def track(self, image, previous):
            return None

    (face,) = find_faces(scene(600, 1000, 300, 200, 160), Once(), side=100)
    np.testing.assert_allclose(face.eye_centre, [380, 240], atol=12)


def test_a_face_too_small_in_the_copy_is_found_in_a_window_of_the_image():
    finder, image = Sightless(least=12), scene(600, 1000, 700, 410, 24)
    faces = find_faces(image, finder, side=100)
    assert len(faces) == 1  # windows overlap: it is seen in several
    found = PointLandmarker().detect(image)[0].landmarks
    np.testing.assert_allclose(faces[0].landmarks, found, atol=1e-3)  # float32 of other sums
    assert max(max(shape) for shape in finder.shapes) == 100


def test_an_image_without_a_face_has_none():
    assert find_faces(np.zeros((300, 200, 3), np.uint8), Sightless(), side=100) == []
