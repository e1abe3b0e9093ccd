"""Scores say what they are named after, and a failure says which number missed which."""

import dataclasses

import cv2
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.faces import DRIVING, Face, head_angles
from playmate_jax.geometry import head_pose
from playmate_jax.prepare.crops import Crops, driving_squares
from playmate_jax.prepare.pieces import Piece
from playmate_jax.prepare.quality import (
    QualityConfig,
    failures,
    image_scores,
    sound_scores,
)
from tests.faces.conftest import face_of_points
from tests.prepare.conftest import speech_like


def _scores(image: np.ndarray, faces: list[Face | None], counts=(1,)) -> dict[str, float]:
    piece = Piece(0, faces, list(counts))
    seen = piece.seen[0].points[None].astype(np.float16)
    none = np.zeros((0, 8, 8, 3), np.uint8)
    squares = driving_squares(piece, DRIVING)
    rows = np.zeros(1, np.int32)
    return image_scores(piece, Crops(squares, none, rows, image[None], squares, seen, none))


def _noise(level: int = 120) -> np.ndarray:
    return np.random.default_rng(0).integers(level - 60, level + 60, (256, 256, 3)).astype(np.uint8)


def _face(**kind) -> Face:
    return face_of_points(128.0, 150.0, 100.0, **kind)


def test_blur_and_brightness_fall_with_the_image():
    sharp = _scores(_noise(), [_face()] * 5)
    soft = _scores(cv2.GaussianBlur(_noise(), (0, 0), 4), [_face()] * 5)
    dark = _scores(_noise() // 4, [_face()] * 5)
    assert soft["blur"] < sharp["blur"] / 20
    assert dark["brightness"] == pytest.approx(sharp["brightness"] / 4, abs=1)


def test_the_face_is_measured_in_the_videos_pixels():
    # brows to chin is 1, temple to temple 0.9 of the made face's size
    assert _scores(_noise(), [_face()] * 5)["face_px"] == pytest.approx(100, rel=0.02)


def test_losses_other_faces_and_doubts_are_counted():
    found = _scores(_noise(), [_face()] * 15 + [None] * 5, (1, 2, 3, 2))
    assert (found["seen"], found["faces"]) == (0.75, 2.0)
    assert _scores(_noise(), [_face(presence=0.3)] * 5)["presence"] == pytest.approx(0.3)


def test_a_head_that_leaves_its_place_travels():
    still = _scores(_noise(), [_face()] * 60)
    hops = [face_of_points(128.0 + 40 * (t % 20 < 3), 150.0, 100.0) for t in range(60)]
    assert still["travel"] < 1e-4
    assert _scores(_noise(), hops)["travel"] > 0.1


@pytest.mark.parametrize(
    ("pitch", "yaw", "roll"), [(0, 30, 0), (20, 0, 0), (0, 0, -25), (15, 40, 5)]
)
def test_angles_are_those_of_the_head(pitch, yaw, roll):
    points = np.zeros((468, 3))
    points[[234, 454, 10, 152]] = [[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0]]
    turn = np.asarray(head_pose.rotation(*jnp.float32([[pitch], [yaw], [roll]])))[0]
    found = np.abs(head_angles(Face((points @ turn).astype(np.float32), 1.0, 1.0)))
    assert found == pytest.approx(np.abs([pitch, yaw, roll]), abs=8 if pitch and yaw else 0.1)


def test_sound_is_scored_in_its_own_units():
    speech = speech_like(2.0)
    clean = sound_scores((speech * 32767).astype(np.int16))
    loud = sound_scores((np.clip(speech * 20, -1, 1) * 32767).astype(np.int16))
    half = speech.copy()
    half[16000:] = 0
    paused = sound_scores((half * 32767).astype(np.int16))
    assert clean["clipping"] == 0 and loud["clipping"] > 0.1
    assert clean["level_db"] == pytest.approx(-20, abs=1)  # noise of 0.1 at its loudest
    assert paused["silence"] - clean["silence"] == pytest.approx(0.5, abs=0.05)
    assert sound_scores(np.zeros(6400, np.int16))["level_db"] == -100


def test_a_failure_tells_score_and_threshold():
    good = {"blur": 50.0, "brightness": 100.0, "yaw_deg": 10.0}
    assert failures(good, QualityConfig()) == []
    bad = failures(
        {"blur": 3.1, "yaw_deg": 70.0, "brightness": 250.0}, QualityConfig(least_blur=20)
    )
    assert bad == ["blur 3.1 is under 20", "brightness 250 is over 225", "yaw_deg 70 is over 50"]
    assert failures({"blur": float("nan")}, QualityConfig())


def test_every_score_has_a_threshold():
    scored = set(_scores(_noise(), [_face()] * 5)) | set(sound_scores(np.zeros(640, np.int16)))
    limits = {field.name.partition("_")[2] for field in dataclasses.fields(QualityConfig)}
    assert scored | {"sync", "sync_offset"} == limits
