"""Voices of recorded speakers are read with the times of their phonemes."""

import shutil

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.synthetic import background, espeak, festival, flite, human, speech
from playmate_jax.synthetic.phonemes import PHONEMES, SILENCE, VOWELS
from playmate_jax.synthetic.sentences import LANGUAGES, random_text, spoken_clip

HZ = speech.AUDIO_HZ


def need(voices):
    if not voices:
        pytest.skip("no voices of recorded speakers are installed (flite, festival)")
    return voices


def level_db(audio, start, end):
    return 10 * np.log10(np.mean(audio[int(start * HZ) : int(end * HZ)] ** 2) + 1e-9)


def without_programs(monkeypatch):
    monkeypatch.setattr(flite, "voices", lambda: ())
    monkeypatch.setattr(festival, "voices", lambda: ())


@pytest.mark.parametrize("voice", ["human", "human_held_out"])
def test_the_same_request_gives_the_same_speech_and_phonemes_tile_it(voice):
    need(human.installed(voice == "human_held_out"))
    first = speech.utterance(3, 5, 4.0, voice)
    speech.utterance(3, 6, 2.0, voice)
    again = speech.utterance(3, 5, 4.0, voice)
    assert np.array_equal(first.audio, again.audio) and first.phonemes == again.phonemes
    assert first.audio.shape == (4 * HZ,) and first.audio.dtype == np.float32
    assert np.sqrt(np.mean(first.audio**2)) == pytest.approx(0.1, rel=1e-3)
    assert first.phonemes[0].start == 0 and first.phonemes[-1].end == 4.0
    for before, after in zip(first.phonemes, first.phonemes[1:], strict=False):
        assert before.end == after.start and before.start < before.end


def test_every_installed_voice_closes_the_lips_when_its_phonemes_do():
    sentences = ["Papa bumped my pepper pot, abba.", "Pipo papa bobo mopa."]
    for voice in need(human.installed() + human.installed(held_out=True)):
        gaps, stress = [], []
        for audio, phonemes in human.say(sentences, voice, factor=1.1):
            assert phonemes[0].start == 0 and phonemes[-1].end == len(audio) / HZ
            for p, after in zip(phonemes, phonemes[1:], strict=False):
                if p.name == "p" and after.name in VOWELS:
                    # the third quarter is closed in every voice, whatever the burst's length
                    middle = p.start + 0.35 * (p.end - p.start), p.start + 0.6 * (p.end - p.start)
                    gaps.append(level_db(audio, after.start, after.end) - level_db(audio, *middle))
            stress += [p.stress for p in phonemes if p.name in VOWELS]
        # 10 dB: half of what the faintest recording has (Finnish mv, 19 dB)
        assert len(gaps) >= 4 and np.mean(gaps) > 10, voice.name
        assert 0 <= min(stress) < max(stress) <= 1, voice.name


def test_resampling_scales_times_with_the_sound():
    voice = need(human.installed())[0]
    text = ["My mother made a map."]
    (plain, slow), (fast, quick) = (human.say(text, voice, factor=f)[0] for f in (1.0, 1.15))
    assert len(plain) / len(fast) == pytest.approx(1.15, rel=1e-4)
    assert [p.name for p in slow] == [p.name for p in quick]
    for a, b in zip(slow, quick, strict=True):
        assert a.end / b.end == pytest.approx(1.15, abs=2e-3)


def test_resampling_keeps_what_is_below_both_limits():
    t = np.arange(3200) / 32000
    wanted = np.sin(2 * np.pi * 440 * np.arange(1600) / 16000)
    found = human.resampled(np.sin(2 * np.pi * 440 * t).astype(np.float32), 1600)
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_held_out_voices_are_other_speakers():
    trained = {v.name for v in human.VOICES}
    assert not trained & {v.name for v in human.HELD_OUT_VOICES}
    assert {v.language for v in human.HELD_OUT_VOICES} > {"en"}
    assert {v.language for v in human.VOICES} <= set(LANGUAGES)


def test_phone_tables_name_our_phonemes():
    for table in human._PHONES.values():
        assert {name for names in table.values() for name in names} <= set(PHONEMES)
        assert {"p", "b", "m"} <= table.keys() and (SILENCE,) in table.values()


def test_without_programs_mix_is_formant_speech_and_human_voices_are_refused(monkeypatch):
    without_programs(monkeypatch)
    monkeypatch.setattr(espeak, "available", lambda: False)
    assert not human.available()
    for index in range(6):
        assert len(speech.utterance(1, index, 1.0, "mix").audio) == HZ
    with pytest.raises(UserError, match="apt-get install"):
        speech.utterance(1, 0, 1.0, "human")
    for synthesiser in (flite, festival):
        with pytest.raises(UserError, match="slt"):
            synthesiser.say(["Hello."], "slt")


def test_mix_has_all_kinds_of_voices(monkeypatch):
    monkeypatch.setattr(espeak, "available", lambda: True)
    monkeypatch.setattr(human, "available", lambda: True)
    kinds = [speech._kind(x) for x in np.linspace(0, 1, 1000, endpoint=False)]
    assert [kinds.count(k) / 1000 for k in ("formant", "espeak", "human")] == [0.35, 0.25, 0.4]


def test_a_voice_without_speech_is_an_error():
    with pytest.raises(UserError, match="without speech"):
        spoken_clip(np.random.default_rng(0), 5.0, lambda count: [], 3.0)


def test_texts_are_rich_in_bilabials():
    rng = np.random.default_rng(0)
    for language in LANGUAGES:
        text = "".join(random_text(rng, language, 0.2) for _ in range(200))
        assert text.isascii()
        # English prose has 5 in 100 letters (p 1.9, b 1.5, m 2.4)
        assert sum(map(text.count, "pbmPBM")) / sum(map(str.isalpha, text)) > 0.09


def test_flite_gives_phones_that_end_with_the_audio():
    if not shutil.which("flite"):
        pytest.skip("flite is not installed")
    (audio, hz, phones), *_ = flite.say(["Maybe."], "rms", stretch=1.2)
    assert [name for name, _ in phones if name != "pau"] == ["m", "ey", "b", "iy"]
    assert phones[-1][1] == pytest.approx(len(audio) / hz, abs=0.02)


def test_background_sounds_and_compression_keep_level_and_time():
    rng = np.random.default_rng(0)
    speech_like = np.zeros(3 * HZ, np.float32)
    speech_like[HZ : 2 * HZ] = 0.3 * rng.standard_normal(HZ)
    speech_like[2 * HZ :] = 0.03 * rng.standard_normal(HZ)
    assert background.music(rng, HZ).std() == pytest.approx(1, rel=1e-3)
    assert background.other_talker(rng, speech_like).std() == pytest.approx(1, rel=1e-3)
    pressed = background.compress(rng, speech_like)
    loud, soft = level_db(pressed, 1.1, 1.9), level_db(pressed, 2.1, 2.9)
    assert 2 < loud - soft < 15  # 20 dB before compression
    assert not pressed[:HZ].any() and np.abs(pressed[HZ : HZ + 80]).max() > 0
