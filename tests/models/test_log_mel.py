"""The log-mel front end says the same of the same speech however it was recorded."""

import numpy as np
import pytest

from playmate_jax.models.log_mel import LogMelConfig, _mel_filters, log_mel, n_frames
from playmate_jax.motion.layout import SAMPLES_PER_FRAME


def babble(seconds=2.0, seed=0):
    """Noise with the rhythm of syllables, 20 dB up and down."""
    rng = np.random.default_rng(seed)
    n = int(seconds * 16_000)
    rhythm = 0.1 + np.maximum(0, np.sin(2 * np.pi * 4 * np.arange(n) / 16_000))
    return (0.1 * rng.standard_normal(n) * rhythm).astype(np.float32)


@pytest.mark.parametrize("samples", [0, 1, 639, 640, 641, 800, 16_000])
def test_a_started_frame_counts(samples):
    features = log_mel(babble()[:samples])
    assert features.shape == (-(-samples // SAMPLES_PER_FRAME), 96)
    assert n_frames(samples) == len(features)
    assert np.isfinite(features).all() and features.dtype == np.float32


@pytest.mark.parametrize("bands", [24, 48])
def test_the_filter_bank_is_librosas(bands):
    librosa = pytest.importorskip("librosa", reason="an extra: prepare")
    wanted = librosa.filters.mel(
        sr=16_000, n_fft=512, n_mels=bands, fmin=60, fmax=7600, htk=True, norm=None
    )
    found = _mel_filters(bands, 60.0, 7600.0)
    assert found.dtype == wanted.dtype == np.float32
    np.testing.assert_allclose(found.T, wanted, atol=6e-8)  # half a step of float32 below 1


def test_level_does_not_matter():
    audio = babble()
    # float32 and the guard of the logarithm: far under a thousandth of the features' spread (3)
    np.testing.assert_allclose(log_mel(0.05 * audio), log_mel(audio), atol=2e-3)


def test_a_microphone_does_not_matter():
    audio = babble(4.0)
    coloured = np.convolve(audio, [1.0, -0.6], "same").astype(np.float32)
    difference = log_mel(coloured) - log_mel(audio)
    loud = log_mel(audio).mean(1) > 0
    # a first-order filter is nearly flat inside a band, and band means take the rest away
    assert np.abs(difference[loud].mean(0)).max() < 0.3
    assert np.sqrt((difference[loud] ** 2).mean()) < 0.5


def test_silence_reads_as_a_pause_and_not_as_an_average_sound():
    for audio in (np.zeros(16_000), 1e-5 * babble(1.0)):
        features = log_mel(audio.astype(np.float32))
        assert (features < -7).all()
    speech = babble()
    speech[8000:24_000] = 0
    assert log_mel(speech)[15:35].max() < -3


def test_not_a_number_counts_as_silence():
    audio = babble()
    broken = audio.copy()
    broken[5000:5100] = np.nan
    broken[7000] = np.inf
    repaired = np.where(np.isfinite(broken), broken, 0).astype(np.float32)
    np.testing.assert_array_equal(log_mel(broken), log_mel(repaired))
    assert (log_mel(np.full(3200, np.nan, np.float32)) < -7).all()


def test_a_click_is_heard_in_its_own_frame_and_subframe():
    config = LogMelConfig()
    for t, sub in ((10, 0), (10, 3), (17, 1)):
        audio = 1e-3 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
        at = t * 640 + sub * 160 + 80
        audio[at - 2 : at + 2] += 1.0
        power = log_mel(audio).reshape(-1, config.subframes, config.bands).mean(-1)
        assert np.unravel_index(power.argmax(), power.shape) == (t, sub)


def test_bands_follow_pitch():
    t = np.arange(16_000) / 16_000
    noise = 1e-3 * np.random.default_rng(0).standard_normal(16_000)
    found = []
    for hz in (200, 800, 3000, 7000):
        gate = (t > 0.5) * 0.3  # band means must not take a steady tone away
        audio = (gate * np.sin(2 * np.pi * hz * t) + noise).astype(np.float32)
        found.append(int(log_mel(audio)[20].reshape(4, 24)[1].argmax()))
    assert found == sorted(found) and len(set(found)) == 4


def test_long_audio_in_blocks_equals_short_audio():
    config = LogMelConfig(bands=8, subframes=2)
    assert log_mel(babble(1.0), config).shape == (25, 16)
