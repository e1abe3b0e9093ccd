"""Lip metrics on cases whose answer is known by hand."""

import numpy as np
import pytest

from playmate_jax.metrics import lips
from playmate_jax.metrics.lips import CLOSE, JAW, ROUND, WIDE
from playmate_jax.synthetic.phonemes import Segment


def motion(n=100, seed=0):
    """Units with an opening jaw, closures at frames 20, 50 and 80, and silence in 60-76."""
    rng = np.random.default_rng(seed)
    units = np.zeros((n, 18))
    units[:, :3] = rng.random((n, 3))
    for at in (20, 50, 80):
        units[at - 1 : at + 2, CLOSE] = (0.5, 1.0, 0.5)
    units[60:77, :5] = 0
    return units


SAID = [Segment("aa", 0, 2.28), Segment("sil", 2.28, 3.2), Segment("aa", 3.2, 4.0)]


def test_the_truth_scores_full_marks():
    true = motion()[None]
    score = lips.compare_lips(true, true, [SAID])
    for name in ("jaw", "wide", "round", "close"):
        assert score[f"correlation_{name}"] == pytest.approx(1)
    assert score["bilabial_hit"] == 1 and score["false_closure"] == 0
    assert score["silence_closed"] == 1 and score["lag_frames"] == 0
    assert score["jaw_amplitude"] == pytest.approx(1) and score["jaw_jitter"] == pytest.approx(1)


def test_one_missed_closure_of_three():
    true = motion()[None]
    generated = true.copy()
    generated[0, 48:53, CLOSE] = 0
    assert lips.compare_lips(true, generated, [SAID])["bilabial_hit"] == pytest.approx(2 / 3)


def test_a_closure_one_frame_late_counts_and_two_frames_late_does_not():
    true = motion()[None]
    generated = true.copy()
    generated[..., CLOSE] = np.roll(np.where(true[..., CLOSE] == 1, 1, 0), 1, 1)
    assert lips.compare_lips(true, generated, [SAID])["bilabial_hit"] == 1
    generated[..., CLOSE] = np.roll(generated[..., CLOSE], 1, 1)
    assert lips.compare_lips(true, generated, [SAID])["bilabial_hit"] == 0


def test_closing_always_hits_everything_and_is_false_everywhere():
    true = motion()[None]
    generated = true.copy()
    generated[..., CLOSE] = 1
    score = lips.compare_lips(true, generated, [SAID])
    assert score["bilabial_hit"] == 1 and score["false_closure"] == 1


def test_an_open_mouth_in_silence_is_counted():
    true = motion()[None]
    generated = true.copy()
    generated[0, 60:77, JAW] = 0.4
    assert lips.compare_lips(true, generated, [SAID])["silence_closed"] == 0


def test_silent_frames_leave_a_margin():
    silent = lips.silent_frames(SAID, 100)
    # 2.28 s + 0.12 = frame 60; 3.2 s - 0.12 = frame 77, not included
    assert np.flatnonzero(silent).tolist() == list(range(60, 77))
    short = [Segment("sil", 1.0, 1.25)]
    assert not lips.silent_frames(short, 50).any()


@pytest.mark.parametrize("lag", [-3, 0, 2])
def test_the_lag_is_found(lag):
    x = np.random.default_rng(0).standard_normal(200)
    late = np.roll(x, lag)
    assert lips.best_lag(late, x) == lag


def test_correlation_is_scale_free_and_zero_for_constants():
    x = np.random.default_rng(0).standard_normal(50)
    assert lips.correlation(3 * x + 1, x) == pytest.approx(1)
    assert lips.correlation(-x, x) == pytest.approx(-1)
    assert lips.correlation(np.ones(50), x) == 0


def bursts(n=100, seed=0):
    """Noise in frames 10-29, 50-69 and 85-94, nothing elsewhere."""
    gate = np.zeros(n)
    gate[10:30] = gate[50:70] = gate[85:95] = 1
    noise = np.random.default_rng(seed).standard_normal(n * 640)
    return (0.1 * noise * np.repeat(gate, 640)).astype(np.float32), gate


def test_envelope_and_pauses_find_the_bursts():
    audio, gate = bursts()
    envelope = lips.energy_envelope(audio, 100)
    assert envelope[gate == 1].min() > 0.8 and envelope[12:28].min() > 0.8
    # a brick-wall band rings on for two frames
    assert envelope[33:47].max() < 0.2
    # a pause from frame 30 to 49, less two frames at either end
    assert np.flatnonzero(lips.pauses(gate)[30:50]).tolist() == list(range(2, 18))
    assert not lips.energy_envelope(np.zeros(6400, np.float32), 10).any()


def test_an_envelope_follower_passes_the_level_and_fails_the_vowels():
    hz = np.where(np.arange(100) % 20 < 10, 1000, 2400)  # back and front vowels in turn
    phase = np.cumsum(np.repeat(hz, 640)) / 16_000
    level = 0.3 + 0.7 * np.abs(np.sin(np.arange(100) * 0.7))
    audio = (np.repeat(level, 640) * np.sin(2 * np.pi * phase)).astype(np.float32)
    units = np.zeros((100, 18))
    units[:, JAW] = lips.energy_envelope(audio, 100)
    score = lips.lips_against_sound(units, audio, [bursts()[0]])
    assert score["jaw_energy"] == pytest.approx(1)
    assert score["second_formant"] == 0 and score["jaw_energy_margin"] > 0.5
    units[:, WIDE], units[:, ROUND] = hz > 2000, hz < 2000
    assert lips.lips_against_sound(units, audio)["second_formant"] > 0.95


def test_pause_closed_counts_frames():
    audio, gate = bursts()
    units = np.zeros((100, 18))
    units[:, JAW] = gate
    assert lips.lips_against_sound(units, audio)["pause_closed"] == 1
    units[30:50, JAW] = 0.5
    assert lips.lips_against_sound(units, audio)["pause_closed"] < 0.7
