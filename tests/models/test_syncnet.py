"""What SyncNet hears and sees, beyond parity with the original."""

import json

import jax
import numpy as np
import pytest
from scipy.fft import dct

from playmate_jax.models.mfcc import LIFTS, _mel_filters, mfcc
from playmate_jax.models.syncnet import FRAMES, SyncNet, SyncNetConfig, shapes

TINY = SyncNetConfig((2, 4, 4, 4, 4, 8), (3, 4, 4, 4, 4, 8), 6, 12, image_size=96)

# Rows of python_speech_features 0.6's mfcc(audio, 16000) for `two_tones`, recorded.
RECORDED = {
    0: [20.014694, 17.286049, -10.892571, -21.13965, -11.476892, -8.413074, -25.282319,
        -39.645827, -20.853517, 19.615351, 42.016802, 26.332381, -2.469625],
    1: [20.030367, 33.265786, -9.482319, -20.77543, -5.213299, 1.064522, -19.796022,
        -39.831185, -22.98533, 19.51081, 44.284281, 28.885294, -1.441697],
}  # fmt: skip


def two_tones() -> np.ndarray:
    t = np.arange(16_000) / 16_000
    tones = 10_000 * np.sin(2 * np.pi * 440 * t) + 3_000 * np.sin(2 * np.pi * 1234 * t)
    return tones.astype(np.int16)


def test_cepstra_are_the_recorded_ones():
    found = mfcc(two_tones())
    assert found.shape == (99, 13)  # 1 + ceil((16000 - 400) / 160) = 98.5, rounded up
    for row, wanted in RECORDED.items():
        np.testing.assert_allclose(found[row], wanted, atol=6e-7)  # six digits are recorded


def test_cepstra_are_the_recorded_ones_to_the_last_row(shared):
    file = shared / "reference" / "golden" / "mfcc_python_speech_features.json"
    np.testing.assert_allclose(mfcc(two_tones()), json.loads(file.read_text())["mfcc"], atol=6e-7)


def test_the_filter_bank_is_librosas_with_corners_on_bins(monkeypatch):
    filters = pytest.importorskip("librosa", reason="an extra: prepare").filters
    corners = filters.mel_frequencies(28, fmin=0, fmax=8000, htk=True)
    on_bins = np.floor(513 * corners / 16_000) * 16_000 / 512  # python_speech_features' rounding
    monkeypatch.setattr(filters, "mel_frequencies", lambda *args, **kwargs: on_bins)
    wanted = filters.mel(
        sr=16_000, n_fft=512, n_mels=26, fmin=0, fmax=8000, htk=True, norm=None, dtype=np.float64
    )
    np.testing.assert_allclose(_mel_filters().T, wanted, atol=1e-12)  # float64


def test_the_cosines_and_their_lifter_are_librosas():
    librosa = pytest.importorskip("librosa", reason="an extra: prepare")
    spectra = np.log(np.random.default_rng(0).uniform(1, 2, (26, 50)))
    # librosa counts the lifter's sine from 1, python_speech_features from 0
    plain = librosa.feature.mfcc(S=spectra, n_mfcc=13, dct_type=2, norm="ortho")
    lifter = 1 + 11 * np.sin(np.pi * np.arange(13) / 22)
    found = dct(spectra.T, type=2, norm="ortho")[:, :13] * LIFTS
    np.testing.assert_allclose(found, plain.T * lifter, atol=1e-12)  # float64


@pytest.mark.parametrize(("samples", "rows"), [(0, 0), (1, 1), (400, 1), (401, 2), (561, 3)])
def test_a_started_step_is_a_row(samples, rows):
    assert mfcc(np.ones(samples, np.int16)).shape == (rows, 13)


def test_twice_as_loud_is_log_four_in_the_energy_alone():
    quiet = two_tones() // 2
    np.testing.assert_allclose(
        mfcc(2 * quiet) - mfcc(quiet), [[np.log(4)] + [0] * 12] * 99, atol=1e-9
    )


def test_silence_is_the_smallest_float_and_flat():
    # every filter holds log(eps): a constant has no cosine but the first, which is the energy's
    wanted = [np.log(np.finfo(float).eps)] + [0] * 12
    np.testing.assert_allclose(mfcc(np.zeros(400, np.int16)), [wanted], atol=1e-12)


def test_samples_of_another_scale_are_refused():
    with pytest.raises(ValueError, match="int16, found int32"):
        mfcc(np.zeros(400, np.int32))


def test_a_run_of_frames_gives_what_its_windows_give_alone():
    network, rng = SyncNet(TINY), np.random.default_rng(0)
    variables = jax.tree.map(lambda leaf: rng.uniform(0, 0.3, leaf.shape), shapes(TINY))
    brighter = np.linspace(0.1, 1, 8, dtype=np.float32).reshape(8, 1, 1, 1)  # frame by frame
    frames = brighter * rng.uniform(size=(1, 8, 96, 96, 3)).astype(np.float32)
    embed = jax.jit(lambda x: network.apply(variables, x, method="embed_lips"))
    windows = np.concatenate([embed(frames[:, i : i + FRAMES]) for i in range(4)], axis=1)
    np.testing.assert_allclose(embed(frames), windows, rtol=1e-5)
    assert (np.diff(windows, axis=1) > 0.05 * windows[:, 1:]).all()  # all weights are positive
