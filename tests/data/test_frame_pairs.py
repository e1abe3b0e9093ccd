"""Pairs of frames as the face space sees them."""

import cv2
import numpy as np
import pytest

from playmate_jax.data import across, face_space
from playmate_jax.data.frame_pairs import PairBatch, decoded
from playmate_jax.errors import UserError
from tests.data.made_up_records import assert_batch


def told(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clip and image that each plain image says it is."""
    colours = images.reshape(len(images), -1, 3).mean(1)
    return np.rint(colours[:, 1] / 20).astype(int), np.rint(colours[:, 2] / 50).astype(int)


def test_a_pair_shows_two_images_of_one_clip_with_their_motion(portrait_records):
    batch = next(face_space(portrait_records, 64))
    clips, source = told(batch["source"])
    same, driving = told(batch["driving"])
    np.testing.assert_array_equal(clips, same)
    assert (source != driving).all()
    for name, image in (("source", source), ("driving", driving)):
        np.testing.assert_array_equal(batch[f"motion_{name}"][:, 0], image)
        np.testing.assert_array_equal(batch[f"landmarks_{name}"][:, 7, 1], image)
    np.testing.assert_array_equal(batch["identity"][:, 0], clips)
    assert batch["has_landmarks"].all() and batch["source"].dtype == np.uint8


def test_a_batch_is_what_its_type_says(portrait_records):
    assert_batch(next(face_space(portrait_records, 8)), PairBatch)


def test_across_a_couple_another_person_drives(portrait_records):
    batch = next(face_space(portrait_records, 64))
    clips, others = told(batch["source"])[0], told(across(batch["driving"]))[0]
    assert (clips % 4 != others % 4).all()  # speakers of the clips
    np.testing.assert_array_equal(across(across(batch["driving"])), batch["driving"])


def test_all_clips_and_all_images_are_seen(portrait_records):
    batches = face_space(portrait_records, 24)
    seen = set()
    for _ in range(12):
        seen |= set(zip(*map(tuple, told(next(batches)["source"]))))
    assert seen == {(n, k) for n in range(6) for k in range(3 + n % 3)}


def test_motion_of_every_frame_is_looked_up_by_row(portrait_records):
    """Synthetic faces store the motion of all frames, and which of them have images."""
    drawn = [
        dict(
            record,
            motion=np.tile(np.arange(40, dtype=np.float32)[:, None], (1, 70)),
            landmarks=np.zeros((0, 468, 2), np.float16),
        )
        for record in portrait_records
    ]
    batch = next(face_space(drawn, 32))
    np.testing.assert_array_equal(batch["motion_source"][:, 0], 5 * told(batch["source"])[1])
    assert not batch["has_landmarks"].any() and not batch["landmarks_source"].any()


def test_clips_with_one_image_are_left_out(portrait_records):
    lonely = list(portrait_records)
    lonely[2] = dict(lonely[2], frames=lonely[2]["frames"][:1])
    assert 2 not in told(next(face_space(lonely, 64))["source"])[0]


def test_one_speaker_alone_is_told(portrait_records):
    with pytest.raises(UserError, match="two speakers"):
        face_space([dict(record, speaker="a") for record in portrait_records], 4)


def test_a_batch_that_couples_do_not_fill_is_told(portrait_records):
    with pytest.raises(UserError, match="a multiple of 8"):
        face_space(portrait_records, 6)


def test_bytes_that_are_no_image_are_told(portrait_records):
    broken = [
        dict(record, frames=[b"no image"] * len(record["frames"])) for record in portrait_records
    ]
    with pytest.raises(UserError, match="clip-"):
        next(face_space(broken, 8))


def test_images_of_two_sizes_do_not_make_a_batch(portrait_records):
    small = cv2.imencode(".jpg", np.zeros((8, 16, 3), np.uint8))[1].tobytes()
    mixed = [
        dict(record, frames=[small] * len(record["frames"])) if number % 2 else record
        for number, record in enumerate(portrait_records)
    ]
    with pytest.raises(UserError, match="like the others"):
        next(face_space(mixed, 64))


def test_a_image_is_decoded_as_opencv_does(portrait_records):
    image = portrait_records[0]["frames"][0]
    expected = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR_RGB)
    into = np.empty_like(expected)
    assert np.abs(decoded(image, "", into).astype(int) - expected).max() <= 1
    np.testing.assert_array_equal(into, decoded(image, ""))
