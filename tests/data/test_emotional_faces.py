"""Faces with emotions: every person shows all, a file is read back, and batches are made of it."""

import numpy as np
import pytest

from playmate_jax.data import emotional_faces
from playmate_jax.data.emotional_faces import emotional_person, main, read_faces
from playmate_jax.data.speaking_batches import emotion_batches
from playmate_jax.errors import UserError
from tests.data.test_speaking_people import NoFace, OneFace


def test_a_person_shows_all_emotions_and_who_it_is_does_not_change():
    one = emotional_person(3, 2, OneFace())
    assert one.emotion.tolist() == list(range(8))
    assert one.faces.shape == (8, 1, 64, 64, 3)
    faces, other = one.faces[:, 0].astype(float), emotional_person(3, 3, OneFace()).faces[:, 0]
    within = np.abs(faces - faces.mean(0)).mean()
    assert 1 < within < 0.5 * np.abs(faces - other).mean()
    np.testing.assert_array_equal(one.faces, emotional_person(3, 2, OneFace()).faces)
    assert emotional_person(3, 2, NoFace()).faces.shape == (0, 1, 64, 64, 3)


def test_a_file_comes_back_and_gives_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(emotional_faces, "_landmarker", lambda _: OneFace())
    path = tmp_path / "ü" / "faces.npz"
    main([str(path), "--people", "2"])
    faces = read_faces(path)
    assert faces.emotion.tolist() == [*range(8)] * 2
    batch = next(emotion_batches(faces, 4, seed=1, start=0))
    assert batch["face"].shape == (4, 64, 64, 3) and len(batch["emotion"]) == 4
    monkeypatch.setattr(emotional_faces, "_landmarker", lambda _: NoFace())
    with pytest.raises(UserError, match="expected faces of 1 people, found none"):
        main([str(tmp_path / "none.npz"), "--people", "1"])
    assert list(tmp_path.glob("*")) == [path.parent]


def test_another_file_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", faces=np.zeros(3))
    for name in ("other.npz", "none.npz"):
        with pytest.raises(UserError, match="expected faces with emotions"):
            read_faces(tmp_path / name)
