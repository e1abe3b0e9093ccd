"""The phonemes of synthetic speech: their acoustics and their lip shapes.

A table of 38 phonemes (General American vowels, front rounded vowels and the velar fricative).
`PHONEMES[name].sound` controls the formant synthesiser, `.lips` the mouth. Vowel formants are the
means for men of Peterson & Barney (1952); consonants have the second-formant locus of their place
of articulation (Delattre, Liberman & Cooper 1955). Diphthongs and affricates are written as two
phonemes.
"""

from typing import NamedTuple

VOWELS = ("iy", "ih", "e", "eh", "ae", "aa", "ah", "ao", "o", "uh", "uw", "er", "ax", "yy", "oe")
STOPS = ("p", "b", "t", "d", "k", "g")
VOICELESS_STOPS = ("p", "t", "k")
NASALS = ("m", "n", "ng")
BILABIALS = ("p", "b", "m")
SILENCE = "sil"


class Segment(NamedTuple):
    """One spoken phoneme, from `start` to `end` in seconds.

    Vowels also have a stress (strength of the accent) in [0, 1] and a vocal effort in decibels
    around the speaker's average.
    """

    name: str
    start: float
    end: float
    stress: float = 0.0
    effort: float = 0.0


class Sound(NamedTuple):
    """Acoustics of a phoneme: formants in Hz, source amplitudes, friction noise band, duration."""

    formants: tuple[float, float, float]
    voicing: float = 0.0
    frication: float = 0.0
    aspiration: float = 0.0
    noise_hz: float = 0.0
    noise_width_hz: float = 0.0
    duration_ms: float = 80.0


class Lips(NamedTuple):
    """Targets of the five lip units, and how strongly each group keeps its target (dominance)."""

    jaw: float
    wide: float
    round: float
    close: float
    fv: float
    hold_jaw: float = 1.0
    hold_shape: float = 0.8
    hold_close: float = 0.6


class Phoneme(NamedTuple):
    """One row of the table `PHONEMES`: acoustics and lip shape."""

    sound: Sound
    lips: Lips


def _vowel(f1, f2, f3, ms, lips, voicing=1.0):
    return Phoneme(Sound((f1, f2, f3), voicing, duration_ms=ms), Lips(*lips))


def _consonant(f, lips, voicing=0.0, frication=0.0, aspiration=0.0, noise=(0.0, 0.0), ms=80.0):
    return Phoneme(Sound(f, voicing, frication, aspiration, *noise, ms), Lips(*lips))


# lips:        jaw  wide round close fv | hold jaw, shape, close
_BILABIAL = (0.05, 0.0, 0.1, 1, 0, 2.5, 0.25, 3.5)
_LABIODENTAL = (0.12, 0.1, 0, 0.1, 1, 1.8, 0.4, 3.0)
_DENTAL = (0.2, 0.15, 0, 0, 0, 1.0, 0.3, 0.8)
_SIBILANT = (0.1, 0.3, 0, 0, 0, 1.5, 0.5, 0.8)
_POSTALVEOLAR = (0.14, -0.4, 0.65, 0, 0, 1.4, 1.2, 0.8)
_ALVEOLAR = (0.17, 0.15, 0, 0, 0, 1.0, 0.25, 0.8)
_VELAR = (0.26, 0, 0, 0, 0, 0.5, 0.1, 0.8)

PHONEMES = {
    "iy": _vowel(270, 2290, 3010, 110, (0.22, 0.85, 0, 0, 0, 1, 1, 0.6)),
    "ih": _vowel(390, 1990, 2550, 80, (0.32, 0.5, 0, 0, 0, 0.9, 0.8, 0.6)),
    "e": _vowel(440, 2100, 2600, 100, (0.42, 0.55, 0, 0, 0, 1, 0.9, 0.6)),
    "eh": _vowel(530, 1840, 2480, 95, (0.52, 0.4, 0, 0, 0, 1, 0.8, 0.6)),
    "ae": _vowel(660, 1720, 2410, 130, (0.78, 0.5, 0, 0, 0, 1.2, 0.9, 0.6)),
    "aa": _vowel(740, 1150, 2440, 130, (0.92, 0.05, 0.05, 0, 0, 1.3, 0.9, 0.6)),
    "ah": _vowel(640, 1190, 2390, 90, (0.6, 0.05, 0, 0, 0, 1, 0.6, 0.6)),
    "ao": _vowel(570, 840, 2410, 125, (0.68, -0.35, 0.6, 0, 0, 1.1, 1.1, 0.6)),
    "o": _vowel(470, 880, 2400, 100, (0.5, -0.5, 0.8, 0, 0, 1, 1.2, 0.6), 0.95),
    "uh": _vowel(440, 1020, 2240, 80, (0.36, -0.35, 0.5, 0, 0, 0.9, 1, 0.6), 0.95),
    "uw": _vowel(300, 870, 2240, 105, (0.22, -0.8, 1, 0, 0, 1, 1.4, 0.6), 0.85),
    "er": _vowel(490, 1350, 1690, 105, (0.38, -0.15, 0.3, 0, 0, 0.9, 0.8, 0.6), 0.95),
    "ax": _vowel(500, 1450, 2450, 60, (0.38, 0, 0, 0, 0, 0.6, 0.3, 0.6), 0.85),
    "yy": _vowel(280, 1850, 2150, 100, (0.2, -0.6, 0.95, 0, 0, 1, 1.4, 0.6), 0.9),
    "oe": _vowel(420, 1600, 2300, 100, (0.42, -0.45, 0.75, 0, 0, 1, 1.2, 0.6), 0.95),
    "m": _consonant((260, 900, 2200), _BILABIAL, 0.65, ms=75),
    "n": _consonant((270, 1650, 2500), (0.2, 0.1, 0, 0, 0, 0.9, 0.2, 0.8), 0.65, ms=60),
    "ng": _consonant((270, 2100, 2700), _VELAR, 0.65, ms=75),
    "l": _consonant((360, 1100, 2700), (0.28, 0.05, 0, 0, 0, 0.7, 0.2, 0.8), 0.6, ms=60),
    "r": _consonant((350, 1150, 1500), (0.24, -0.2, 0.4, 0, 0, 0.8, 0.7, 0.8), 0.6, ms=65),
    "w": _consonant((290, 650, 2200), (0.18, -0.75, 1, 0.1, 0, 1.2, 1.6, 0.8), 0.55, ms=65),
    "j": _consonant((270, 2200, 3000), (0.2, 0.6, 0, 0, 0, 0.9, 0.8, 0.8), 0.6, ms=55),
    "h": _consonant((500, 1500, 2500), (0.35, 0, 0, 0, 0, 0.25, 0.1, 0.6), aspiration=0.35, ms=60),
    "f": _consonant((300, 1000, 2200), _LABIODENTAL, 0, 0.09, noise=(5000, 6000), ms=95),
    "v": _consonant((280, 1000, 2200), _LABIODENTAL, 0.35, 0.05, noise=(5000, 6000), ms=65),
    "th": _consonant((300, 1500, 2600), _DENTAL, 0, 0.06, noise=(6000, 5000), ms=90),
    "dh": _consonant((290, 1500, 2600), _DENTAL, 0.38, 0.03, noise=(6000, 5000), ms=45),
    "s": _consonant((300, 1750, 2600), _SIBILANT, 0, 0.40, noise=(6200, 2200), ms=105),
    "z": _consonant((280, 1750, 2600), _SIBILANT, 0.28, 0.22, noise=(6200, 2200), ms=80),
    "sh": _consonant((300, 1900, 2500), _POSTALVEOLAR, 0, 0.42, noise=(3600, 1900), ms=110),
    "zh": _consonant((280, 1900, 2500), _POSTALVEOLAR, 0.28, 0.25, noise=(3600, 1900), ms=80),
    "x": _consonant(
        (350, 1500, 2400), (0.3, 0, 0, 0, 0, 0.4, 0.1, 0.8), 0, 0.2, 0.05, (1900, 1200), 85
    ),
    "p": _consonant((280, 750, 2200), _BILABIAL, 0, 0.30, noise=(1200, 2000), ms=95),
    "b": _consonant((260, 750, 2200), _BILABIAL, 0.10, 0.20, noise=(900, 1500), ms=75),
    "t": _consonant((280, 1800, 2700), _ALVEOLAR, 0, 0.45, noise=(4800, 2800), ms=90),
    "d": _consonant((260, 1800, 2700), _ALVEOLAR, 0.10, 0.30, noise=(4500, 2800), ms=65),
    "k": _consonant((280, 1900, 2400), _VELAR, 0, 0.40, noise=(2000, 1300), ms=95),
    "g": _consonant((260, 1900, 2400), _VELAR, 0.10, 0.28, noise=(1900, 1300), ms=75),
    "sil": _consonant((500, 1500, 2500), (0, 0, 0, 0, 0, 1.6, 0.7, 0.9), ms=300),
}


def merge_silence(phonemes: list[Segment]) -> list[Segment]:
    """The phonemes with each run of consecutive silences joined into one."""
    merged: list[Segment] = []
    for segment in phonemes:
        if merged and segment.name == merged[-1].name == SILENCE:
            merged[-1] = merged[-1]._replace(end=segment.end)
        else:
            merged.append(segment)
    return merged
