"""Clips of speaking people are made as they are measured, and give the same batches everywhere."""

from itertools import islice

import numpy as np
import pytest

from playmate_jax.data import speaking_batches as batches
from playmate_jax.data.batches import Loading
from playmate_jax.data.emotional_faces import EmotionalFaces
from playmate_jax.data.speaking_people import (
    SpeakingPeople,
    main,
    read_people,
    speaking_person,
)
from playmate_jax.errors import UserError
from playmate_jax.faces import Face
from playmate_jax.models.mfcc import CEPSTRA
from playmate_jax.models.syncnet import STEPS
from playmate_jax.models.syncnet_speech import speech_windows

FRAMES = batches.LEAST + 9


class OneFace:
    """`Landmarker` that finds a face of half the image in its middle."""

    def __init__(self, *_):
        pass

    def detect(self, image):
        points = np.random.default_rng(0).uniform(0.25, 0.75, (468, 3))
        return [Face((points * len(image)).astype(np.float32), 0.9, 0.9)]

    def track(self, image, previous):
        return next(iter(self.detect(image)), None)


class NoFace(OneFace):
    """`Landmarker` that finds nothing."""

    def detect(self, image):
        return []


@pytest.fixture(scope="module")
def people():
    """Three clips of noise whose frames are as bright as their number."""
    rng = np.random.default_rng(0)
    mouths = np.broadcast_to(
        np.arange(FRAMES, dtype=np.uint8)[:, None, None, None], (3, FRAMES, 64, 64, 3)
    )
    return SpeakingPeople(
        mouths.copy(),
        rng.integers(0, 256, (3, 2, 64, 64, 3), dtype=np.uint8),
        rng.normal(0, 3000, (3, 640 * FRAMES)).astype(np.int16),
        np.array([0, 3, 7], np.int32),
    )


def test_a_person_speaks_with_an_emotion_and_the_file_comes_back(tmp_path, monkeypatch):
    one = speaking_person(3, 9, 0.4, "formant", OneFace())
    assert one is not None and one.emotion.tolist() == [1]  # 9 modulo 8
    assert one.mouths.shape == (1, 10, 64, 64, 3) and one.faces.shape == (1, 2, 64, 64, 3)
    assert one.speech.shape == (1, 6400) and np.abs(one.speech).max() > 500
    assert one.mouths.std() > 5
    assert speaking_person(3, 9, 0.4, "formant", NoFace()) is None
    monkeypatch.setattr("playmate_jax.data.speaking_people.TfliteLandmarker", OneFace)
    path = tmp_path / "ü" / "people.npz"
    main([str(path), "--clips", "2", "--seconds", "0.2", "--held-out"])
    assert read_people(path).mouths.shape == (2, 5, 64, 64, 3)
    monkeypatch.setattr("playmate_jax.data.speaking_people.TfliteLandmarker", NoFace)
    with pytest.raises(UserError, match="expected faces in 1 clips"):
        main([str(path), "--clips", "1", "--seconds", "0.2"])
    path.write_bytes(b"PK")
    with pytest.raises(UserError, match="expected clips of speaking people"):
        read_people(path)


def test_speech_belongs_to_the_lips_of_its_window(people, monkeypatch):
    monkeypatch.setattr(batches, "changed", lambda images, rng, flip=False: images)
    batch = next(batches.speaking_batches(people, 4, seed=1, start=0))
    assert batch["speech"].shape == (4, batches.WINDOWS, CEPSTRA, STEPS)
    whole = [speech_windows(audio, FRAMES - 5) for audio in people.speech]
    for lips, speech in zip(batch["lips"], batch["speech"], strict=True):
        at = lips[:, 0, 0, 0, 0].astype(int)
        assert (np.diff(at) > 0).all() and at[-1] < FRAMES - 5
        np.testing.assert_array_equal(lips[..., 0, 0, 0], at[:, None] + np.arange(5))
        # The level is random, and moves nothing but the first number, the log of the energy.
        apart = [np.abs(windows[at, 1:] - speech[:, 1:]).mean() for windows in whole]
        assert min(apart) < 0.2 and sorted(apart)[1] > 1


@pytest.mark.parametrize("of", [batches.speaking_batches, batches.emotion_batches])
def test_batches_follow_from_seed_and_number_on_any_number_of_processes(people, of):
    if of is batches.emotion_batches:
        people = EmotionalFaces(people.faces, people.emotion)
    third = list(islice(of(people, 4, seed=5, start=0), 3))[2]
    again = next(of(people, 4, seed=5, start=2))
    shares = [next(of(people, 4, 5, 2, Loading(0, i, 2))) for i in range(2)]
    other = next(of(people, 4, seed=6, start=2))
    for name, value in third.items():
        np.testing.assert_array_equal(value, again[name])
        np.testing.assert_array_equal(value, np.concatenate([s[name] for s in shares]))
    assert any((third[name] != other[name]).any() for name in third)


def test_short_clips_are_refused(people):
    short = people._replace(mouths=people.mouths[:, : batches.LEAST - 1])
    with pytest.raises(UserError, match="clips of 21 frames or more, found 20"):
        next(batches.speaking_batches(short, 2, 0, 0))
