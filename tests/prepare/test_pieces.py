"""Pieces: one face, one scene, 3 to 30 s, cut at silences, whatever the video does."""

from dataclasses import replace

import numpy as np
import pytest

from playmate_jax.faces.scenes import SceneFrame
from playmate_jax.prepare.pieces import Piece, pieces, speaker
from playmate_jax.prepare.plan import Source
from playmate_jax.prepare.silences import Samples, loudness_db, quietest
from tests.faces.conftest import PointLandmarker, face_of_points
from tests.prepare.conftest import SIZE, video_frame

SHORTEST, LONGEST = 10, 40  # frames
SOURCE = Source("a", "a.mp4", "folder", "a")


def _pieces(places: list, cuts: tuple[int, ...] = (0,), audio=None, source=SOURCE) -> list[Piece]:
    images = {place: video_frame(60, place) for place in set(places)}
    frames = [SceneFrame(images[place], t in cuts) for t, place in enumerate(places)]
    samples = Samples(iter([np.zeros(640 * len(places), np.float32) if audio is None else audio]))
    return list(pieces(frames, PointLandmarker(), source, SIZE, samples, 0, SHORTEST, LONGEST))


def _spans(found: list[Piece]) -> list[tuple[int, int, bool]]:
    return [(piece.start, piece.stop, piece.faceless) for piece in found]


HERE, THERE = (60, 60), (100, 60)


def test_a_face_is_one_piece():
    assert _spans(_pieces([HERE] * 30)) == [(0, 30, False)]


def test_a_cut_ends_a_piece_though_the_face_stays():
    assert _spans(_pieces([HERE] * 30, (0, 12))) == [(0, 12, False), (12, 30, False)]


def test_a_dissolve_is_in_no_piece():
    image = video_frame(60, HERE)
    frames = [SceneFrame(image, t in (0, 20), 5 if t == 20 else 0) for t in range(40)]
    samples = Samples(iter([np.zeros(640 * 40, np.float32)]))
    found = pieces(frames, PointLandmarker(), SOURCE, SIZE, samples, 0, SHORTEST, LONGEST)
    assert _spans(list(found)) == [(0, 15, False), (20, 40, False)]


def test_a_moment_without_the_face_is_bridged_and_a_longer_one_ends_a_piece():
    found = _pieces([HERE] * 12 + [None] * 3 + [HERE] * 12 + [None] * 8 + [HERE] * 12)
    assert [span for span in _spans(found) if not span[2]][0] == (0, 27, False)
    assert found[0].faces.count(None) >= 3
    assert len([piece for piece in found if not piece.faceless]) == 2


def test_time_without_a_face_is_told():
    (faceless,) = _pieces([None] * 30)
    assert (faceless.start, faceless.stop, faceless.faceless) == (0, 30, True)


def test_a_face_that_jumps_is_another_one():
    assert _spans(_pieces([HERE] * 15 + [THERE] * 15)) == [(0, 15, False), (15, 30, False)]


def test_a_long_piece_is_cut_at_its_silences():
    audio = np.random.default_rng(0).normal(0, 0.1, 640 * 100).astype(np.float32)
    for pause in (33, 66):
        audio[640 * (pause - 3) : 640 * (pause + 3)] *= 1e-3
    found = _pieces([HERE] * 100, audio=audio)
    assert [piece.start for piece in found] == pytest.approx([0, 33, 66], abs=1)
    assert all(SHORTEST <= len(piece.faces) <= LONGEST for piece in found)
    assert sum(len(piece.faces) for piece in found) == 100


@pytest.mark.parametrize("length", [41, 45, 50, 51, 79, 81, 200])
def test_cutting_loses_nothing_and_leaves_no_piece_too_short(length: int):
    found = _pieces([HERE] * length)
    assert [piece.start for piece in found[1:]] == [piece.stop for piece in found[:-1]]
    assert found[-1].stop == length
    assert all(SHORTEST <= len(piece.faces) <= LONGEST for piece in found)


def test_the_data_set_tells_who_speaks():
    left, right = face_of_points(40, 60, 30), face_of_points(120, 60, 40)
    found = [right, left]  # the largest first
    assert speaker(SOURCE, SIZE, found) is right
    told = Source("a", "a.mp4", "avspeech", "a", face=(0.25, 0.5))
    assert speaker(told, SIZE, found) is left
    boxed = Source("a", "a.mp4", "celebv-text", "a", box=(20.0, 40.0, 60.0, 80.0))
    assert speaker(boxed, SIZE, found) is left
    assert speaker(told, SIZE, [right]) is None
    assert speaker(told, SIZE, []) is None


def test_a_box_is_scaled_to_the_height_of_the_image():
    left, right = face_of_points(40, 60, 30), face_of_points(120, 60, 40)
    box = (330.0, 150.0, 390.0, 210.0)  # round 120, 60 in an image of three times the height
    of_a_larger = replace(SOURCE, box=box, box_height=3 * SIZE[1])
    assert speaker(of_a_larger, SIZE, [left, right]) is right
    assert speaker(of_a_larger, SIZE, [left]) is None
    of_any = replace(of_a_larger, box_height=None)  # pixels of who knows which image
    assert speaker(of_any, SIZE, [left]) is left
    assert speaker(of_any, SIZE, [left, right]) is None


def test_samples_come_in_order_and_are_forgotten():
    blocks = [np.arange(i, i + 10, dtype=np.float32) for i in range(0, 100, 10)]
    samples = Samples(iter(blocks))
    assert samples.span(3, 7).tolist() == [3, 4, 5, 6]
    assert samples.span(5, 23).tolist() == list(range(5, 23))
    assert samples.span(41, 44).tolist() == [41, 42, 43]
    assert samples.span(95, 200).tolist() == list(range(95, 100))
    assert not len(samples.span(150, 160))
    assert not len(Samples(iter([])).span(0, 10))


def test_loudness_is_in_decibels_of_full_scale():
    sine = np.sin(2 * np.pi * 1000 * np.arange(6400) / 16000).astype(np.float32)
    assert loudness_db(sine) == pytest.approx(np.full(10, -3.01), abs=0.01)  # 1 / 2 of power
    assert loudness_db(np.zeros(1300, np.float32)).tolist() == [-100, -100]


def test_loudness_is_that_of_librosa():
    librosa = pytest.importorskip("librosa", reason="an extra: prepare")
    audio = np.random.default_rng(0).normal(0, 0.1, 640 * 50).astype(np.float32)
    audio[640 * 20 : 640 * 25] = 0
    rms = librosa.feature.rms(y=audio, frame_length=640, hop_length=640, center=False)[0]
    wanted = 20 * np.log10(np.maximum(rms, 1e-5))
    np.testing.assert_allclose(loudness_db(audio), wanted, atol=1e-4)  # librosa sums in float32


def test_the_quietest_place_is_late_where_all_is_alike():
    assert quietest(np.full(640 * 100, 0.1, np.float32), 20, 80) == 80
    assert quietest(np.zeros(0, np.float32), 20, 80) == 80
