"""Sync-C and Sync-D: laws of the comparison, values by hand, and the whole with a tiny network."""

import dataclasses

import jax
import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.hub.weights import save_weights
from playmate_jax.metrics import sync
from playmate_jax.metrics.sync import (
    SyncScore,
    compare,
    load_syncnet,
)
from playmate_jax.models.mfcc import mfcc
from playmate_jax.models.syncnet import SyncNet, SyncNetConfig, shapes

TINY = SyncNetConfig((2, 4, 4, 4, 4, 8), (3, 4, 4, 4, 4, 8), 6, 12, image_size=64)
N = 50


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def tiny_variables() -> dict:
    rng = np.random.default_rng(0)
    draw = lambda leaf: rng.uniform(0.0, 0.3, leaf.shape).astype(np.float32)  # noqa: E731
    return jax.tree.map(draw, shapes(TINY))


@pytest.fixture(scope="module")
def score() -> SyncScore:
    return SyncScore(TINY, tiny_variables())


@pytest.fixture(scope="module")
def clip() -> tuple[np.ndarray, np.ndarray]:
    """Noise: 30 frames with their sound."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (30, 64, 64, 3), dtype=np.uint8)
    return frames, rng.integers(-3000, 3000, 30 * 640, dtype=np.int16)


@pytest.mark.parametrize("late", [-15, -3, 0, 1, 15])
def test_lips_that_come_later_by_some_frames_are_told_so(late):
    both = random(N + 30, 16)
    found = compare(both[15 - late : 15 - late + N], both[15 : 15 + N])
    assert found.offset == late
    # of two random vectors of 16: sqrt(2 * 16) = 5.7; nothing but the ends' zeros differs
    assert 4 < found.confidence + found.distance < 6.5


def test_the_same_embeddings_are_at_no_distance_but_torchs_epsilon():
    both = random(N, 16)
    assert compare(both, both).distance == pytest.approx(1e-6 * 4, rel=1e-3)  # sqrt(16)


def test_what_has_nothing_in_common_has_little_confidence():
    lips, speech = random(N, 64), random(N, 64, seed=1)
    assert compare(lips, speech, reach=3).confidence < 0.05 * compare(lips, lips, 3).confidence


def test_values_by_hand():
    # speech (3, 4) under lips (0, 0) at shifts -1, 0, 1: means of (0, 3), (3, 4), (4, 0)
    found = compare(np.zeros((2, 1)), np.array([[3.0], [4.0]]), reach=1)
    near = lambda value: pytest.approx(value, abs=1e-5)  # noqa: E731
    assert found == (1, near(2 - 1.5), near(1.5), near(2 - 3.5))


def test_speech_windows_are_a_fifth_of_a_second_every_frame(clip):
    audio = clip[1]
    windows, cepstra = sync.speech_windows(audio, 25), mfcc(audio)
    assert windows.shape == (25, 13, 20)
    for v in (0, 7, 24):
        np.testing.assert_allclose(windows[v], cepstra[4 * v : 4 * v + 20].T, rtol=1e-6)


def test_batches_change_nothing(score, clip):
    frames, audio = clip
    lips, speech = score.embed(frames, audio)
    assert lips.shape == speech.shape == (25, 12)  # the original leaves the last window out
    network, windows = SyncNet(TINY), sync.speech_windows(audio, 25)
    images = frames[None].astype(np.float32) / 255
    wanted, seen = jax.jit(network.apply)(tiny_variables(), windows[..., None], images)
    np.testing.assert_allclose(speech, wanted, rtol=1e-4)
    np.testing.assert_allclose(lips, seen[0, :25], rtol=1e-4)
    assert score(frames, audio) == compare(lips, speech)


def test_one_program_serves_every_length(score, clip):
    frames, audio = clip
    score(frames, audio)
    before = sync._lips._cache_size(), sync._speech._cache_size()
    for length in (12, 20, 21, 24):
        assert len(score.embed(iter(frames[:length]), audio)[0]) == length - 5
    assert (sync._lips._cache_size(), sync._speech._cache_size()) == before


def test_crops_of_another_size_are_resized(score, clip):
    frames, audio = clip
    double = frames.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(score(double, audio), score(frames, audio), rtol=1e-5)


@pytest.mark.parametrize(("frames", "samples"), [(5, 64_000), (30, 6 * 640 - 1), (0, 64_000)])
def test_too_short_to_tell(score, frames, samples):
    with pytest.raises(UserError, match="expected at least 6 frames .* found [05]: give a longer"):
        score(np.zeros((frames, 64, 64, 3), np.uint8), np.zeros(samples, np.int16))


def test_weights_come_back_from_their_directory(score, clip, tmp_path):
    values = {"kind": "syncnet", **dataclasses.asdict(TINY)}
    save_weights(tmp_path / "w", values, tiny_variables(), {})
    assert load_syncnet(tmp_path / "w")(*clip) == score(*clip)
    save_weights(tmp_path / "other", {"kind": "vgg19"}, {}, {})
    with pytest.raises(UserError, match="expected the weights of syncnet .* 'vgg19'"):
        load_syncnet(tmp_path / "other")
