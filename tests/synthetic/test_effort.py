"""Vocal effort changes level and jaw together, and nothing else."""

import numpy as np
import pytest

from playmate_jax.motion.layout import AUDIO_HZ
from playmate_jax.synthetic.effort import jaw_gain, with_effort
from playmate_jax.synthetic.performance import lips
from playmate_jax.synthetic.phonemes import VOWELS, Segment

JAW, CLOSE = 0, 3


def even_speech(n=40):
    """The same syllable n times, 100 ms a sound, spoken by an even voice."""
    phonemes = [
        Segment(name, 0.1 * i, 0.1 * (i + 1), 0.4 * (name == "aa"))
        for i, name in enumerate(["m", "aa"] * n)
    ]
    audio = 0.1 * np.random.default_rng(0).standard_normal(int(0.2 * n * AUDIO_HZ))
    return audio.astype(np.float32), phonemes


def level_db(audio, p):
    piece = audio[int(p.start * AUDIO_HZ) : int(p.end * AUDIO_HZ)]
    return 10 * np.log10(np.mean(piece**2))


@pytest.fixture(scope="module")
def spoken():
    audio, phonemes = even_speech()
    return audio, phonemes, *with_effort(np.random.default_rng(3), audio, phonemes)


def test_the_words_and_the_loudness_stay(spoken):
    audio, phonemes, louder, efforts = spoken
    assert [p[:4] for p in efforts] == [p[:4] for p in phonemes]
    assert louder.dtype == np.float32 and len(louder) == len(audio)
    assert np.sqrt(np.mean(louder**2)) == pytest.approx(np.sqrt(np.mean(audio**2)), rel=1e-4)


def test_a_vowel_is_as_loud_as_its_effort(spoken):
    _, _, louder, efforts = spoken
    vowels = [p for p in efforts if p.name in VOWELS]
    levels = [level_db(louder, p) for p in vowels]
    asked = [p.effort for p in vowels]
    assert np.std(asked) > 1
    assert np.corrcoef(levels, asked)[0, 1] > 0.9
    assert all(p.effort == 0 for p in efforts if p.name == "m")


def test_louder_vowels_open_the_jaw_and_lips_still_meet(spoken):
    _, phonemes, _, efforts = spoken
    n = int(phonemes[-1].end * 25)
    even, varied = lips(phonemes, n), lips(efforts, n)
    middles = [(int((p.start + p.end) / 2 * 25), p.effort) for p in efforts if p.name == "aa"]
    opened = [varied[t, JAW] / even[t, JAW] for t, _ in middles]
    assert np.corrcoef(opened, [e for _, e in middles])[0, 1] > 0.9
    np.testing.assert_allclose(varied[:, CLOSE], even[:, CLOSE])
    assert jaw_gain(np.array([0.0])) == 1


def test_silence_stays_silence():
    audio, silence = np.zeros(1600, np.float32), [Segment("sil", 0.0, 0.1)]
    quiet, phonemes = with_effort(np.random.default_rng(0), audio, silence)
    np.testing.assert_array_equal(quiet, audio)
    assert phonemes == silence
