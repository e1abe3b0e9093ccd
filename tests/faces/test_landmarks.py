"""The real face finder on synthetic faces, and on real images where they are."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from playmate_jax.faces import DRAWN, Face, crop_face, face_square, track_video
from playmate_jax.faces.openness import eye_ratios, lip_openness, lip_openness_of
from playmate_jax.media import open_video, read_image
from playmate_jax.synthetic.draw import draw
from playmate_jax.synthetic.expression import UNITS
from playmate_jax.synthetic.identity import sample_identity


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    """One person: the jaw opens over four frames, then the lids shut."""
    units = np.zeros((5, len(UNITS)), np.float32)
    units[:4, UNITS.index("jaw")] = np.linspace(0, 1, 4)
    units[4, [UNITS.index("lid_l"), UNITS.index("lid_r")]] = 1
    pose = np.tile(np.array([0, 0, 0, 0.72, 0, 0], np.float32), (5, 1))
    return draw(sample_identity(0, 3), units, pose, 256)


def _mean_error(one: Face, points: np.ndarray) -> float:
    """Mean distance of landmarks as a part of the eyes' distance."""
    apart = float(np.linalg.norm(np.subtract(*one.eye_centres)))
    return float(np.linalg.norm(one.points - points, axis=1).mean()) / apart


def test_a_drawn_face_is_found_with_its_parts_in_place(landmarker, drawn):
    (face,) = landmarker.detect(drawn[0])
    assert face.presence > 0.99
    left, right = face.eye_centres
    assert left[0] < right[0] and abs(left[1] - right[1]) < 5
    assert face.mouth_centre[1] > face.eye_centre[1] + 30
    assert abs(face.mouth_centre[0] - 128) < 8


def test_openings_follow_the_drawing(landmarker, drawn):
    found = [landmarker.detect(image)[0].landmarks for image in drawn]
    openness = lip_openness(np.stack(found[:4]))
    assert (np.diff(openness) > 0).all() and openness[3] > openness[0] + 0.15
    assert (eye_ratios(found[4]) < 0.6 * eye_ratios(found[0])).all()


@pytest.mark.parametrize("roll_deg", [-40, -15, 20, 40])
def test_landmarks_turn_with_the_image(landmarker, drawn, roll_deg: float):
    (face,) = landmarker.detect(drawn[0])
    turn = cv2.getRotationMatrix2D((127.5, 127.5), roll_deg, 1)
    turned = cv2.warpAffine(drawn[0], turn, (256, 256), borderMode=cv2.BORDER_REPLICATE)
    (found,) = landmarker.detect(turned)
    there = (face.points - 0.5) @ turn[:, :2].T + turn[:, 2] + 0.5
    assert _mean_error(found, there) < 0.05  # pixels of the mesh's own input are about 0.02


@pytest.mark.parametrize("size", [(1400, 1000), (900, 1600), (256, 256)])
def test_a_small_face_is_found_in_a_large_image(landmarker, drawn, size):
    """96 pixels of 1400: the first search cannot see it, the tiles do."""
    width, height = size
    image = np.full((height, width, 3), 90, np.uint8)
    small = cv2.resize(drawn[0], (150, 150), interpolation=cv2.INTER_AREA)
    x, y = width - 200, height - 180
    image[y : y + 150, x : x + 150] = small
    (face,) = landmarker.detect(image)
    (alone,) = landmarker.detect(drawn[0])
    assert _mean_error(face, alone.points * 150 / 256 + [x, y]) < 0.06


def test_several_faces_come_the_largest_first(landmarker, drawn):
    small = cv2.resize(drawn[0], (180, 180), interpolation=cv2.INTER_AREA)
    image = np.full((256, 512, 3), 90, np.uint8)
    image[:180, :180] = small
    image[:, 256:] = drawn[1]
    faces = landmarker.detect(image)
    assert len(faces) == 2
    assert faces[0].area > faces[1].area and faces[0].box[0] > 256


def test_no_face_in_noise_or_gray(landmarker):
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    assert landmarker.detect(noise) == []
    assert landmarker.detect(np.full((1, 1000, 3), 128, np.uint8)) == []


def test_tracking_agrees_with_detection(landmarker, drawn):
    (face,) = landmarker.detect(drawn[0])
    followed = landmarker.track(drawn[1], face)
    (found,) = landmarker.detect(drawn[1])
    assert followed is not None and _mean_error(followed, found.points) < 0.03
    assert landmarker.track(np.full((256, 256, 3), 128, np.uint8), face) is None
    assert np.isnan(lip_openness_of([np.full((64, 64, 3), 128, np.uint8)], landmarker)).all()


def test_drawn_framing_is_the_drawn_images_own(landmarker, drawn):
    square = face_square(landmarker.detect(drawn[0])[0], **DRAWN)
    assert square.side == pytest.approx(256, rel=0.06)
    assert (square.x, square.y) == pytest.approx((128, 128), abs=8)


def test_real_portraits_have_one_human_face(landmarker, shared: Path):
    for path in sorted((shared / "data/portraits").iterdir()):
        faces = landmarker.detect(read_image(path))
        if path.stem == "animal_llama":
            assert faces == []  # the detector fires, the mesh knows better
        else:
            assert len(faces) == 1 and faces[0].presence > 0.9, path.name


def test_a_real_crop_shows_the_face_where_liveportrait_does(landmarker, shared: Path):
    image = read_image(shared / "data/portraits/painting_mona_lisa.jpg")
    crop = crop_face(image, landmarker.detect(image)[0])
    (again,) = landmarker.detect(crop.image)
    eye, mouth = again.eye_centre, again.mouth_centre
    assert abs(eye[0] - mouth[0]) < 6  # upright
    assert 512 / 2.3 * 0.4 < mouth[1] - eye[1] < 512 / 2.3 * 0.65


@pytest.mark.parametrize(
    "name",
    [
        "fullbody_720x1080_25fps_audio",
        pytest.param("face_512_25fps_audio_b", marks=pytest.mark.slow),
        pytest.param("scene_1280x720_30fps_audio", marks=pytest.mark.slow),
    ],
)
def test_real_videos_are_followed_throughout(landmarker, shared: Path, name: str):
    reader = open_video(shared / f"data/videos/{name}.mp4")
    track = track_video(reader, landmarker)
    assert all(track.faces)
    steps = np.diff([[one.x, one.y] for one in track.squares], 2, axis=0)
    sides = np.array([one.side for one in track.squares])
    assert abs(steps).max() < 0.01 * sides.mean()  # the crop glides: no jump of a hundredth
