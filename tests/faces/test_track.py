"""Following a face, and the steady crop."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.faces import Square, track_faces, track_video
from playmate_jax.faces.steady import smooth_squares
from playmate_jax.media import VideoWriter, open_video
from tests.faces.conftest import PointLandmarker


def _frames(places: list[tuple[int, int] | None]) -> list[np.ndarray]:
    frames = []
    for place in places:
        image = np.zeros((96, 128, 3), np.uint8)
        if place is not None:
            x, y = place
            image[y - 8 : y + 8, x - 8 : x + 8] = 255
        frames.append(image)
    return frames


def test_a_face_is_followed_after_one_detection():
    finder = PointLandmarker()
    faces = track_faces(_frames([(30 + 2 * t, 40) for t in range(20)]), finder)
    assert finder.detections == 1
    assert [round(face.eye_centre[0] - faces[0].eye_centre[0]) for face in faces] == list(
        range(0, 40, 2)
    )


def test_a_lost_face_is_found_again_near_its_place_only():
    near = [(40, 40)] * 5 + [None] * 7 + [(50, 40)] * 10
    faces = track_faces(_frames(near), PointLandmarker())
    assert all(faces[:5]) and not any(faces[5:12]) and all(faces[17:])
    far = [(30, 40)] * 5 + [None] * 7 + [(110, 80)] * 10
    assert not any(track_faces(_frames(far), PointLandmarker())[5:])


def test_smoothing_keeps_a_resting_square_and_a_steady_motion():
    still = [Square(10.0, 20.0, 30.0, 0.1)] * 30
    assert np.allclose(_values(smooth_squares(still, np.arange(30), 30, 4.0)), _values(still))
    moving = [Square(3.0 * t, 20.0, 30.0, 0.1) for t in range(60)]
    smooth = _values(smooth_squares(moving, np.arange(60), 60, 4.0))
    assert np.allclose(smooth[15:45], _values(moving)[15:45])


def test_smoothing_reduces_noise_as_a_gaussian_does():
    noise = np.random.default_rng(0).normal(size=4000)
    noisy = [Square(100 + n, 0.0, 50.0, 0.0) for n in noise]
    smooth = _values(smooth_squares(noisy, np.arange(4000), 4000, 5.0))[:, 0]
    expected = (2 * np.sqrt(np.pi) * 5.0) ** -0.5  # std of white noise under a Gaussian of sigma 5
    assert smooth.std() == pytest.approx(expected, rel=0.1)


def test_gaps_are_interpolated_and_ends_held():
    squares = [Square(0.0, 0.0, 10.0, 0.0), Square(10.0, 0.0, 10.0, 0.0)]
    filled = _values(smooth_squares(squares, np.array([2, 7]), 10, 0.0))[:, 0]
    assert np.allclose(filled, [0, 0, 0, 2, 4, 6, 8, 10, 10, 10])


def test_angles_are_smoothed_across_the_half_turn():
    squares = [Square(0.0, 0.0, 10.0, angle) for angle in (3.1, -3.1, 3.1, -3.1) * 10]
    angles = _values(smooth_squares(squares, np.arange(40), 40, 3.0))[:, 3]
    assert np.cos(angles).max() < -0.99


def test_one_square_for_the_clip_is_the_mean():
    squares = [Square(float(t), 0.0, 10.0, 0.0) for t in range(11)]
    held = smooth_squares(squares, np.arange(11), 11, None)
    assert len(set(held)) == 1 and held[0].x == pytest.approx(5)


def test_crops_of_a_video_hold_the_face_in_place(tmp_path: Path):
    frames = _frames([(30 + 2 * t, 40) for t in range(30)])
    with VideoWriter(tmp_path / "a.mp4", 25, (128, 96)) as out:
        for image in frames:
            out.write(image)
    reader = open_video(tmp_path / "a.mp4")
    track = track_video(reader, PointLandmarker(), smooth_s=0.0)
    assert track.times_s == [Fraction(t, 25) for t in range(30)]
    assert track.matrices(64).shape == (30, 2, 3)
    middles = []
    for crop in track.crops(reader, 64):
        rows, columns = np.nonzero(crop[..., 0] > 128)
        middles.append((rows.mean(), columns.mean()))
    assert len(middles) == 30
    assert np.ptp(middles, axis=0).max() < 2.5  # pixels, of which a codec takes its part


def test_videos_without_a_face_are_one_sentence(tmp_path: Path):
    for places, sentence in (([None] * 10, "none in"), ([(40, 40)] * 3 + [None] * 9, "3 of 12")):
        with VideoWriter(tmp_path / "a.mp4", 25, (128, 96)) as out:
            for image in _frames(places):
                out.write(image)
        with pytest.raises(UserError, match=sentence):
            track_video(open_video(tmp_path / "a.mp4"), PointLandmarker())


def _values(squares: list[Square]) -> np.ndarray:
    return np.array([[one.x, one.y, one.side, one.angle] for one in squares])
