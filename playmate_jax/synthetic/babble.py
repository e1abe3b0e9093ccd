"""Random phoneme sequences for the formant voices: pronounceable, meaningless, with pauses.

`babble(rng, seconds, rate)` strings syllables (onset, vowel, coda by rough English frequencies)
into words, words into phrases, and phrases into a clip; every phoneme has its own duration.
"""

import numpy as np

from playmate_jax.synthetic.phonemes import PHONEMES, SILENCE, Segment

_AFFRICATES = {"ch": ("t", "sh"), "jh": ("d", "zh")}
_DIPHTHONGS = (("aa", "ih"), ("e", "ih"), ("o", "uh"), ("aa", "uh"), ("ao", "ih"))
_CLUSTERS = tuple(
    tuple(pair.split("-"))
    for pair in "s-t s-p s-k p-r b-r t-r k-r g-r p-l b-l k-l f-l f-r s-m s-n k-w".split()
)


def _weighted(table: str) -> tuple[list[str], np.ndarray]:
    pairs = [entry.split(":") for entry in table.split()]
    weights = np.array([float(weight) for _, weight in pairs])
    return [name for name, _ in pairs], np.cumsum(weights / weights.sum())


_VOWEL = _weighted("iy:8 ih:10 e:4 eh:9 ae:7 aa:10 ah:8 ao:6 o:5 uh:3 uw:6 er:4 ax:10 yy:1 oe:1")
_ONSET = _weighted(
    "p:6 b:6 t:7 d:7 k:6 g:4 m:8 n:7 f:4 v:3 th:1.5 dh:4 s:7 z:2 sh:3 h:4 w:4 j:3 "
    "l:6 r:6 ch:1.5 jh:1.5 x:.5"
)
_CODA = _weighted("p:4 b:2 t:8 d:6 k:5 g:2 m:6 n:10 ng:4 f:3 v:2 th:1 s:7 z:6 sh:2 l:7 r:5")


def _draw(rng: np.random.Generator, table: tuple[list[str], np.ndarray]) -> str:
    names, cumulative = table
    return names[min(int(np.searchsorted(cumulative, rng.random())), len(names) - 1)]


def _word(rng: np.random.Generator) -> list[tuple[str, float]]:
    """One to four syllables as (phoneme, stress); one syllable is accented, some words weakly."""
    syllables = 1 + int(np.searchsorted([0.42, 0.78, 0.94], rng.random()))
    stressed = int(rng.integers(min(syllables, 2)))
    word: list[tuple[str, float]] = []
    accent = 0.4 + 0.6 * rng.random() if rng.random() < 0.8 else 0.15
    for i in range(syllables):
        kind = rng.random()
        if kind < 0.72:
            onset = _draw(rng, _ONSET)
            word += [(p, 0.0) for p in _AFFRICATES.get(onset, (onset,))]
        elif kind < 0.87:
            word += [(p, 0.0) for p in _CLUSTERS[rng.integers(len(_CLUSTERS))]]
        if i == stressed and rng.random() < 0.25:
            word += [(p, accent) for p in _DIPHTHONGS[rng.integers(len(_DIPHTHONGS))]]
        else:
            full = i == stressed or rng.random() < 0.5
            word.append((_draw(rng, _VOWEL) if full else "ax", accent if i == stressed else 0.0))
        if rng.random() < (0.5 if i == syllables - 1 else 0.25):
            word.append((_draw(rng, _CODA), 0.0))
    return word


def babble(rng: np.random.Generator, seconds: float, rate: float = 1.0) -> list[Segment]:
    """Phonemes that fill `seconds` exactly, starting and usually ending with silence.

    About one clip in twenty has a pause of several seconds, so that models learn that silence can
    last.

    Args:
      seconds: length of the clip.
      rate: speaking rate; divides the duration of every phoneme.
    """
    phonemes: list[Segment] = []
    clock = 0.0

    def add(name: str, duration: float, stress: float = 0.0):
        nonlocal clock
        phonemes.append(Segment(name, clock, clock + duration, stress))
        clock += duration

    add(SILENCE, rng.uniform(0.05, 0.8))
    long_pause_at = rng.uniform(0, seconds) if rng.random() < 0.05 else np.inf
    while clock < seconds:
        for _ in range(rng.integers(2, 11)):
            for name, stress in _word(rng):
                mean = PHONEMES[name].sound.duration_ms / 1000 / rate * (1 + 0.35 * stress)
                add(
                    name,
                    float(np.clip(mean * np.exp(0.22 * rng.standard_normal()), 0.03, 0.35)),
                    stress,
                )
            if rng.random() < 0.06:
                add(SILENCE, rng.uniform(0.06, 0.18))
        last = phonemes.pop()  # phrase-final lengthening
        clock = last.start
        add(last.name, 1.35 * (last.end - last.start), last.stress)
        add(SILENCE, rng.uniform(0.15, 0.5) if rng.random() < 0.65 else rng.uniform(0.5, 1.5))
        if clock > long_pause_at:
            add(SILENCE, rng.uniform(2.0, 6.0))
            long_pause_at = np.inf
    return [p._replace(end=min(p.end, seconds)) for p in phonemes if p.start < seconds]
