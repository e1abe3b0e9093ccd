"""The same person or another one, by how they look."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from playmate_jax.faces.person import Person
from playmate_jax.faces.track import stretches, track_person
from playmate_jax.media import open_video
from playmate_jax.synthetic.draw import draw, sample_identity
from tests.faces.conftest import PointLandmarker, face_of_points

FACE = face_of_points(64.0, 60.0, 40.0)


def portrait(identity: int) -> np.ndarray:
    units, pose = np.zeros((1, 18), np.float32), np.array([[0, 0, 0, 0.72, 0, 0]], np.float32)
    return draw(sample_identity(identity, 0), units, pose, 128)[0]


@pytest.fixture(scope="module")
def known() -> Person:
    person = Person()
    person.saw(portrait(5), FACE)
    return person


@pytest.mark.parametrize("identity", [1, 2, 3, 4, 6, 7])
def test_another_person_is_not_taken_for_the_first(known: Person, identity: int):
    assert known.among(portrait(identity), [FACE]) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda image: np.clip(image * 1.1, 0, 255).astype(np.uint8),
        lambda image: (image * 0.9).astype(np.uint8),
        lambda image: cv2.GaussianBlur(image, (0, 0), 0.7),
        lambda image: np.roll(image, 2, 1),
    ],
    ids=["brighter", "darker", "softer", "shifted"],
)
def test_a_person_stays_the_same_in_another_light_and_focus(known: Person, change: Callable):
    assert known.among(change(portrait(5)), [FACE]) is FACE


def test_of_several_faces_the_likest_is_taken():
    both = np.concatenate([portrait(2), portrait(5)], axis=1)
    other, own = FACE, face_of_points(128 + 64.0, 60.0, 40.0)
    person = Person()
    person.saw(portrait(5), FACE)
    assert person.among(both, [other, own]) is own
    assert person.among(both, []) is None


def test_what_is_remembered_of_a_person_does_not_grow():
    person, image = Person(), portrait(5)
    for _ in range(1200):
        person.saw(image, FACE)
    assert len(person._seen) <= 48


def test_stretches_end_at_cuts_and_at_gaps():
    faces = [FACE] * 4 + [None] * 3 + [FACE] * 4 + [None] * 8 + [FACE] * 6
    assert [(rows[0], rows[-1]) for rows in stretches(faces, [0])] == [(0, 10), (19, 24)]
    assert [(rows[0], rows[-1]) for rows in stretches(faces, [0, 9, 22])] == [
        (0, 8), (9, 10), (19, 21), (22, 24)
    ]  # fmt: skip


def test_a_face_elsewhere_after_a_cut_is_followed_if_it_looks_the_same():
    """White squares on black: one person wherever they are."""

    def frame(x: int, shade: int) -> np.ndarray:
        image = np.full((96, 128, 3), shade, np.uint8)
        image[32:48, x - 8 : x + 8] = 255
        return image

    faces, cuts = track_person([frame(30, 0)] * 8 + [frame(100, 0)] * 8, PointLandmarker())
    assert all(faces) and faces[8].eye_centre[0] > 90
    assert cuts in ([0], [0, 8])


def test_a_person_is_followed_through_a_fade_from_and_to_black():
    """As long as there is light to see them: squares that are white at full light."""

    def frame(light: float) -> np.ndarray:
        image = np.full((96, 128, 3), 60, np.uint8)
        image[:, 64:, 1] = 200
        image[32:48, 40:56] = 255
        return (image * light).astype(np.uint8)

    lights = [*np.linspace(0, 1, 26), *[1.0] * 20, *np.linspace(1, 0, 26), *[0.0] * 10]
    faces, cuts = track_person([frame(light) for light in lights], PointLandmarker())
    assert [face is not None for face in faces] == [light * 255 > 201 for light in lights]
    assert len(cuts) == 2 and cuts[0] == 0 and cuts[1] >= 60


def test_a_face_that_is_known_late_was_there_from_the_cut_on(monkeypatch):
    """Of the second shot's faces the first four look like nobody's, the fifth is the person's."""

    def frame(x: int, shade: int) -> np.ndarray:
        image = np.full((96, 128, 3), shade, np.uint8)
        image[32:48, x - 8 : x + 8] = 255
        return image

    asked = []

    def among(self, image, found):
        asked.append(found)
        return found[0] if len(asked) == 5 else None

    monkeypatch.setattr(Person, "among", among)
    shots = [frame(30, 0)] * 8 + [frame(90 + t, 120) for t in range(10)]
    faces, cuts = track_person(shots, PointLandmarker())
    assert cuts == [0, 8] and all(faces) and len(asked) == 5
    assert [round(face.eye_centre[0]) for face in faces[8:]] == list(range(90, 100))


def test_real_people_are_told_apart_and_known_again(shared, landmarker):
    """A of one video, B of another, A again later: B is nobody, the second A is A."""
    names = ("face_480_30fps_audio.mp4", "face_512_25fps_silent.mp4")
    first, other = (
        [frame.image for _, frame in zip(range(40), open_video(shared / "data/videos" / name))]
        for name in names
    )
    size = first[0].shape[1::-1]
    other = [cv2.resize(image, size) for image in other[:10]]
    faces, cuts = track_person([*first[:10], *other, *first[30:40]], landmarker)
    assert cuts == [0, 10, 20]
    assert [face is not None for face in faces] == [True] * 10 + [False] * 10 + [True] * 10
