"""Synthetic voices sound like their phonemes."""

import dataclasses

import numpy as np
import pytest
from scipy.linalg import solve_toeplitz

from playmate_jax.errors import UserError
from playmate_jax.synthetic import espeak, espeak_worker, formant, speech
from playmate_jax.synthetic.augment import augment
from playmate_jax.synthetic.babble import babble
from playmate_jax.synthetic.phonemes import PHONEMES, SILENCE, Segment, merge_silence

HZ = speech.AUDIO_HZ


def plain_speaker(**changes):
    """A man of the table's own vocal tract, steady and clear."""
    speaker = formant.sample_speaker(np.random.default_rng(0))
    plain = dict(
        pitch_hz=110.0, tract=1.0, rate=1.0, tilt_db=5.0, breath=0.003, pitch_range=0.0,
        bandwidth=1.0, jitter=0.003, friction=1.0, dynamics=0.0, inhales=0.0,
        accent=np.ones_like(speaker.accent),
    )  # fmt: skip
    return dataclasses.replace(speaker, **(plain | changes))


def spoken(*names_and_seconds, **changes):
    """Audio and segments of phonemes given as name, seconds, name, seconds ..."""
    segments, clock = [], 0.0
    for name, seconds in zip(names_and_seconds[::2], names_and_seconds[1::2], strict=True):
        segments.append(Segment(name, clock, clock + seconds, 0.0))
        clock += seconds
    rng = np.random.default_rng(1)
    return formant.synthesise(rng, plain_speaker(**changes), segments, clock), segments


def level_db(audio, start, end, low=0, high=8000):
    """Power of audio between two times and two frequencies."""
    piece = audio[int(start * HZ) : int(end * HZ)]
    power = np.abs(np.fft.rfft(piece * np.hanning(len(piece)))) ** 2
    hz = np.fft.rfftfreq(len(piece), 1 / HZ)
    return 10 * np.log10(power[(hz >= low) & (hz < high)].sum() / len(piece) ** 2 + 1e-14)


def resonances(audio, order=16):
    """Formants by linear prediction: frequencies of the narrow poles (under 500 Hz), in order."""
    x = np.diff(audio) * np.hanning(len(audio) - 1)
    power = np.abs(np.fft.rfft(x, 2 * len(x))) ** 2
    r = np.fft.irfft(power)[: order + 1]
    r[0] *= 1.0001
    poles = np.roots(np.concatenate([[1.0], -solve_toeplitz(r[:-1], r[1:])]))
    poles = poles[poles.imag > 0]
    hz, width = np.angle(poles) * HZ / (2 * np.pi), -np.log(np.abs(poles)) * HZ / np.pi
    return np.sort(hz[(width < 500) & (hz > 180)])


@pytest.mark.parametrize("vowel", ["iy", "eh", "aa", "ae", "er"])
def test_vowels_have_the_formants_of_the_table(vowel):
    audio, _ = spoken(vowel, 0.6)
    first, second = resonances(audio[int(0.15 * HZ) : int(0.45 * HZ)])[:2]
    wanted = PHONEMES[vowel].sound.formants
    # poles lean to the strongest harmonic: up to one pitch (110 Hz) off for the low first formant
    assert abs(first - wanted[0]) < 110
    assert abs(second - wanted[1]) < 0.05 * wanted[1]


def test_a_shorter_tract_raises_the_formants():
    low, _ = spoken("eh", 0.6)
    high, _ = spoken("eh", 0.6, tract=1.25)
    middle = slice(int(0.15 * HZ), int(0.45 * HZ))
    ratio = resonances(high[middle])[1] / resonances(low[middle])[1]
    assert ratio == pytest.approx(1.25, rel=0.08)


@pytest.mark.parametrize("stop", ["p", "b"])
def test_bilabial_stops_are_a_gap_and_a_burst(stop):
    audio, (_, held, after) = spoken("aa", 0.2, stop, 0.1, "aa", 0.2)
    vowel = level_db(audio, 0.08, 0.16)
    gap = level_db(audio, held.start + 0.015, held.start + 0.045)
    burst = level_db(audio, held.end - 0.045, held.end - 0.005)
    assert gap < vowel - 20
    assert burst > gap + 8
    assert after.end == 0.5


def test_nasals_murmur_low():
    audio, (_, m, _) = spoken("aa", 0.2, "m", 0.12, "aa", 0.2)
    inside = (m.start + 0.04, m.end - 0.04)
    assert level_db(audio, *inside, 100, 500) > level_db(audio, *inside, 700, 3000) + 10
    silent, (_, p, _) = spoken("aa", 0.2, "p", 0.12, "aa", 0.2)
    assert level_db(audio, *inside) > level_db(silent, p.start + 0.02, p.start + 0.06) + 10


def test_fricatives_hiss_at_their_place():
    def centre(name):
        audio, _ = spoken("aa", 0.1, name, 0.2)
        piece = audio[int(0.15 * HZ) : int(0.27 * HZ)]
        power = np.abs(np.fft.rfft(piece * np.hanning(len(piece)))) ** 2
        hz = np.fft.rfftfreq(len(piece), 1 / HZ)
        return (power * hz).sum() / power.sum()

    assert centre("s") > 5000 > centre("sh") > 2800 > centre("x")


def test_the_same_request_gives_the_same_samples():
    first = speech.utterance(3, 5, 2.0, "formant")
    speech.utterance(3, 6, 2.0, "formant")
    again = speech.utterance(3, 5, 2.0, "formant")
    assert np.array_equal(first.audio, again.audio)
    assert first.phonemes == again.phonemes
    other = speech.utterance(3, 6, 2.0, "formant")
    assert not np.array_equal(first.audio, other.audio)


def test_phonemes_tile_the_clip():
    for seed in range(20):
        phonemes = babble(np.random.default_rng(seed), 4.0)
        assert phonemes[0].start == 0 and phonemes[-1].end == 4.0
        for before, after in zip(phonemes, phonemes[1:], strict=False):
            assert before.end == after.start and before.start < before.end


def test_every_phoneme_of_the_table_occurs():
    names = {p.name for seed in range(30) for p in babble(np.random.default_rng(seed), 12.0)}
    assert names == set(PHONEMES)


def test_audio_is_as_long_as_asked_and_finite():
    for index in range(3):
        audio = speech.utterance(0, index, 1.7, "formant").audio
        assert audio.shape == (int(1.7 * HZ),) and audio.dtype == np.float32
        assert np.isfinite(audio).all() and np.abs(audio).max() < 3


def test_speakers_differ():
    speakers = [formant.sample_speaker(np.random.default_rng(i)) for i in range(60)]
    pitch = np.array([s.pitch_hz for s in speakers])
    assert pitch.min() < 95 and pitch.max() > 230
    assert np.std([s.tract for s in speakers]) > 0.06
    # shorter people have higher voices
    assert np.corrcoef(np.log(pitch), [s.tract for s in speakers])[0, 1] > 0.5


def test_silence_merges():
    parts = [Segment(SILENCE, 0, 1), Segment(SILENCE, 1, 2), Segment("aa", 2, 3)]
    assert merge_silence(parts) == [Segment(SILENCE, 0, 2), Segment("aa", 2, 3)]


def test_augmentation_keeps_time():
    audio = speech.utterance(0, 2, 3.0, "formant").audio
    envelope = lambda x: np.sqrt((x[: 300 * 160].reshape(-1, 160) ** 2).mean(1))  # noqa: E731
    lags = []
    for seed in range(12):
        changed = augment(np.random.default_rng(seed), audio)
        assert changed.shape == audio.shape and changed.dtype == np.float32
        assert np.isfinite(changed).all()
        a, b = envelope(audio), envelope(changed)
        scores = [np.corrcoef(a[5:-5], b[5 + k : len(b) - 5 + k])[0, 1] for k in range(-5, 6)]
        lags.append(int(np.argmax(scores)) - 5)
    # 10 ms bins; a reverberant tail may pull the best match later by half a video frame
    assert max(np.abs(lags)) <= 2 and np.median(lags) == 0


def test_no_augmentation_is_the_audio_itself():
    audio = np.ones(100, np.float32)
    assert augment(np.random.default_rng(0), audio, 0.0) is audio


def test_an_unknown_voice_is_refused():
    with pytest.raises(UserError, match="formant"):
        speech.utterance(0, 0, 1.0, "opera")


def test_the_demo_sentence_lasts_five_seconds_and_closes_lips():
    audio, phonemes = speech.demo_utterance()
    assert len(audio) == 5 * HZ and phonemes[-1].end == pytest.approx(5.0)
    assert sum(p.name in ("p", "b", "m") for p in phonemes) >= 8


def test_messages_to_espeaks_process_arrive_as_they_were_sent(tmp_path):
    audio = [np.array([0.1, -1 / 3], np.float32), np.zeros(0, np.float32)]
    header = {"error": "señor", "phonemes": [[Segment("aa", 1 / 3, 0.7, 0.1, -3.0)], []]}
    with open(tmp_path / "pipe", "w+b") as pipe:
        espeak_worker.send(pipe, header, audio)
        espeak_worker.send(pipe, {"error": ""})
        pipe.seek(0)
        found, samples = espeak_worker.receive(pipe)
        assert found == {"error": "señor", "phonemes": [[["aa", 1 / 3, 0.7, 0.1, -3.0]], []]}
        for a, b in zip(samples, audio, strict=True):
            np.testing.assert_array_equal(a, b, strict=True)
        assert espeak_worker.receive(pipe) == ({"error": ""}, [])
        assert espeak_worker.receive(pipe) is None


def test_espeak_gives_the_same_samples_and_known_phonemes():
    if not espeak.available():
        pytest.skip("espeak-ng is not installed")
    first = speech.utterance(3, 5, 3.0, "espeak")
    speech.utterance(3, 6, 2.0, "espeak_held_out")
    again = speech.utterance(3, 5, 3.0, "espeak")
    assert np.array_equal(first.audio, again.audio) and first.phonemes == again.phonemes
    assert {p.name for p in first.phonemes} <= set(PHONEMES)
    audio, phonemes = espeak.say(["Maybe."])[0]
    names = [p.name for p in phonemes if p.name != SILENCE]
    assert names[0] == "m" and "b" in names and names[-1] in ("iy", "ih")
    with pytest.raises(UserError, match="xx"):
        espeak.say(["Hello."], voice="xx")
