"""Times of phones: transcripts, and forced alignment of speech whose words are known."""

import sys

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.metrics.phone_alignment import align, decode_phones, read_transcripts
from playmate_jax.synthetic import espeak

HZ = 16000
LEAD_S = 0.3
WORDS = "she said maybe people bring more"


def test_transcripts_are_read_by_name(tmp_path):
    assert read_transcripts(tmp_path) == {}
    (tmp_path / "transcription").write_text("<s> he was not </s> (one-01)\n\nplain words (two)\n")
    assert read_transcripts(tmp_path) == {"one-01": "he was not", "two": "plain words"}


def test_a_line_without_a_name_is_refused(tmp_path):
    (tmp_path / "transcription").write_text("<s> a </s> (one)\n<s> he was not </s>\n")
    with pytest.raises(UserError, match="line 2"):
        read_transcripts(tmp_path)


def test_without_pocketsphinx_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(UserError, match="pip install pocketsphinx"):
        align(np.zeros(HZ, np.float32), "word")


@pytest.fixture(scope="module")
def spoken():
    """A sentence of espeak-ng, which reports when it speaks each phoneme."""
    pytest.importorskip("pocketsphinx", reason="pocketsphinx is not installed")
    if not espeak.available():
        pytest.skip("espeak-ng is not installed")
    audio, phonemes = espeak.say([WORDS], voice="en-us", rate=140)[0]
    lead = np.zeros(round(LEAD_S * HZ), np.float32)  # as recordings have: the first phone needs it
    shifted = [p._replace(start=p.start + LEAD_S, end=p.end + LEAD_S) for p in phonemes]
    return np.concatenate([lead, audio, lead]), shifted


def test_aligned_bilabials_are_where_the_voice_spoke_them(spoken):
    audio, true = spoken
    phones = align(audio, WORDS)
    found = [p for p in phones if p.name in ("P", "B", "M")]
    expected = [p for p in true if p.name in ("p", "b", "m")]
    assert [p.name.lower() for p in found] == [p.name for p in expected]
    away = [(a.start + a.end - b.start - b.end) / 2 for a, b in zip(found, expected)]
    assert np.abs(away).max() < 0.08  # two video frames: closures are looked for one beside
    assert {p.word for p in found} == {"maybe", "people", "bring", "more"}
    assert [p.name for p in found if p.word == "people"] == ["P", "P"]


def test_phones_follow_each_other_to_the_end(spoken):
    for phones in (align(spoken[0], WORDS), decode_phones(spoken[0])):
        assert all(a.end <= b.start + 1e-9 and a.start < a.end for a, b in zip(phones, phones[1:]))
        assert len(spoken[0]) / HZ - 0.1 < phones[-1].end <= len(spoken[0]) / HZ


def test_words_that_are_in_no_dictionary_are_named(spoken):
    with pytest.raises(UserError, match="found blorft, zzyq:"):
        align(spoken[0], "maybe zzyq blorft people")


def test_a_transcript_that_does_not_fit_is_refused(spoken):
    with pytest.raises(UserError, match="does not fit the sound"):
        align(spoken[0][:HZ], " ".join([WORDS] * 4))
