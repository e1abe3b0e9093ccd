"""Sentences for synthesisers that read text, and how spoken sentences become a clip.

Texts are English sentences, English words in random order, or words of other languages, mixed with
invented words. Bilabials (p, b, m) are frequent: their lip closures are what viewers notice first,
and ordinary text has few.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.motion.layout import AUDIO_HZ
from playmate_jax.synthetic.phonemes import SILENCE, VOWELS, Segment
from playmate_jax.synthetic.vocabulary import (
    ADJECTIVES,
    CZECH,
    FINNISH,
    FUNCTION_WORDS,
    ITALIAN,
    NOUNS,
    PREPOSITIONS,
    RUSSIAN,
    VERBS,
)

# Audio at 16 kHz, and its phonemes.
Spoken = tuple[Float[np.ndarray, " s"], list[Segment]]

_WORDS = {
    "en": (*FUNCTION_WORDS, *ADJECTIVES, *NOUNS, *FUNCTION_WORDS),
    "it": ITALIAN,
    "fi": FINNISH,
    "cs": CZECH,
    "ru": RUSSIAN,
}
LANGUAGES = tuple(_WORDS)
_SILENT_REQUESTS = 5
_ONSETS = "p b m t d k g n f v s z l r sh ch h br pl".split()
_ENGLISH_ONSETS = "p b t d k g m n f v s z l r w sh ch h br st pl".split()
_VOWELS = "a e i o u".split()
_ENGLISH_NUCLEI = [*_VOWELS, "ai", "ou", "ee", "oo"]
_CODAS = ["", "", "n", "m", "l", "t", "s", "p", "b", "r"]
_OPEN = ["", "", "", "", "n", "m", "l", "s", "p"]


def _pick(rng: np.random.Generator, options):
    return options[rng.integers(len(options))]


def invented_word(rng: np.random.Generator, language: str) -> str:
    """One to three syllables that no dictionary has."""
    parts = (
        (_ENGLISH_ONSETS, _ENGLISH_NUCLEI, _CODAS)
        if language == "en"
        else (_ONSETS, _VOWELS, _OPEN)
    )
    return "".join(_pick(rng, part) for _ in range(rng.integers(1, 4)) for part in parts)


def _phrase(rng) -> str:
    article = _pick(rng, ("the", "a", "my", "this", "every", "some", "your", "her"))
    adjective = _pick(rng, ADJECTIVES) + " " if rng.random() < 0.6 else ""
    return f"{article} {adjective}{_pick(rng, NOUNS)}"


def _english_sentence(rng) -> str:
    sentence = f"{_phrase(rng)} {_pick(rng, VERBS)} {_phrase(rng)}"
    if rng.random() < 0.5:
        sentence += f" {_pick(rng, PREPOSITIONS)} {_phrase(rng)}"
    return sentence + ".?!"[rng.integers(3)]


def random_text(rng: np.random.Generator, language: str = "en", invented: float = 0.5) -> str:
    """A sentence to be read by a synthesiser, in ASCII letters, spaces and punctuation.

    Args:
      language: one of `LANGUAGES`; other synthesisers' languages read English text by their rules.
      invented: the share of invented words. With 0.2 or less, half of the English sentences are
        grammatical.
    """
    if language == "en" and invented <= 0.2 and rng.random() < 0.5:
        return _english_sentence(rng)
    words = []
    for _ in range(rng.integers(4, 14)):
        known = rng.random() >= invented
        word = _pick(rng, _WORDS[language]) if known else invented_word(rng, language)
        words.append(word + ("," if rng.random() < 0.1 else ""))
    return " ".join(words) + ".?!"[rng.integers(3)]


def with_stress(phonemes: list[Segment], audio: Float[np.ndarray, " s"]) -> list[Segment]:
    """The phonemes with estimated stress: vowels that are long, or louder than the median vowel,
    count as accented. Times are in seconds of `audio` (16 kHz)."""
    levels = []
    for p in phonemes:
        piece = audio[int(p.start * AUDIO_HZ) : int(p.end * AUDIO_HZ)]
        levels.append(10 * np.log10(np.mean(piece**2) + 1e-9) if len(piece) else -90.0)
    vowels = [level for p, level in zip(phonemes, levels, strict=True) if p.name in VOWELS]
    middle = np.median(vowels) if vowels else 0.0
    return [
        p._replace(
            stress=float(np.clip((p.end - p.start) / 0.12 - 0.5 + (level - middle) / 8, 0, 1))
        )
        if p.name in VOWELS
        else p
        for p, level in zip(phonemes, levels, strict=True)
    ]


def spoken_clip(
    rng: np.random.Generator,
    seconds: float,
    say: Callable[[int], list[Spoken]],
    sentence_s: float,
) -> Spoken:
    """Spoken sentences with random pauses between them, as a clip of RMS 0.1.

    About one pause in fifty lasts 2-5 s, so that models learn that silence can last.

    Args:
      seconds: length of the clip.
      say: speaks the given number of random sentences.
      sentence_s: how long a sentence lasts, about; decides how many are asked for at once.

    Raises:
      UserError: several requests in a row bring no speech.
    """
    pieces: list[np.ndarray] = []
    phonemes: list[Segment] = []
    clock = 0.0

    def pause(length: float):
        nonlocal clock
        pieces.append(np.zeros(int(length * AUDIO_HZ), np.float32))
        end = clock + len(pieces[-1]) / AUDIO_HZ
        phonemes.append(Segment(SILENCE, clock, end))
        clock = end

    pause(rng.uniform(0.02, 0.6))
    silent = 0
    while clock < seconds:
        if silent == _SILENT_REQUESTS:
            raise UserError(
                f"expected a voice that speaks, found {silent} requests without speech: see "
                "whether its program works in a terminal"
            )
        silent += 1
        for audio, spoken in say(int((seconds - clock) / sentence_s) + 1):
            if spoken and clock < seconds:
                silent = 0
                phonemes.append(Segment(SILENCE, clock, clock + spoken[0].start))
                phonemes += [p._replace(start=p.start + clock, end=p.end + clock) for p in spoken]
                pieces.append(audio)
                clock += len(audio) / AUDIO_HZ
            pause(rng.uniform(2, 5) if rng.random() < 0.02 else rng.uniform(0.05, 0.9))
    audio = np.concatenate(pieces)[: int(seconds * AUDIO_HZ)]
    audio *= np.float32(0.1 / (np.sqrt(np.mean(audio**2)) + 1e-9))
    within = [p for p in phonemes if p.start < min(p.end, seconds)]
    return audio, [p._replace(end=min(p.end, seconds)) for p in within]
