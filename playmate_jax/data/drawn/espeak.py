"""A second voice for the drawn world: espeak-ng through ctypes, where it is installed.

Optional: `available()` says whether the shared library is there; nothing else depends on it. The library
reports every phoneme (IPA) with the moment it starts, so timing is known as for our own synthesiser.
Sixteen languages and thirteen voice variants give voices that our synthesiser does not.
espeak-ng is GPL-3: a tool of the machine that makes training data, neither imported nor shipped.
"""

import ctypes
import functools

import numpy as np
from jaxtyping import Float
from scipy.signal import resample_poly

from playmate_jax.data.drawn.formant import AUDIO_HZ
from playmate_jax.data.drawn.phonemes import SILENCE, VOWELS, Segment
from playmate_jax.errors import UserError

_IPA = dict(
    zip(
        "i ɪ e ɛ æ a ɑ ɒ ɔ o ʊ u ʌ ɐ ə ɚ ɜ ɝ y ø œ ɨ ʉ ɯ ᵻ p b t d k ɡ g q m n ŋ ɲ f v θ ð s z ʃ ʒ ɕ ʑ "
        "ʂ ʐ h ɦ w ʋ j l ɫ ʎ ɹ r ɾ ɽ ʁ ʀ x ç χ ɣ β c ɟ ʔ ʈ ɖ ɳ ɭ ɻ".split(),
        "iy ih e eh ae aa aa ao ao o uh uw ah ah ax er er er yy oe oe ih uw uh ih p b t d k g g k m n "
        "ng n f v th dh s z sh zh sh zh sh zh h h w v j l l l r r r r r r x sh x g v k g sil t d n l "
        "r".split(),
        strict=True,
    )
)
LANGUAGES = (
    "en-us", "en", "en-gb-scotland", "de", "fr", "es", "it", "nl", "pl", "pt", "sv", "cs", "tr",
    "ru", "fi", "hu",
)  # fmt: skip
HELD_OUT_LANGUAGES = ("en-029", "da", "ro", "af", "id", "en-gb-x-rp")  # for tests, never for training
VARIANTS = ("", *(f"+m{i}" for i in range(1, 8)), *(f"+f{i}" for i in range(1, 5)))
HELD_OUT_VARIANTS = ("+m8", "+f5", "+croak", "+klatt4")
_WORDS = (
    "the of and a to in is you that it he was for on are as with his they at be this have from or one "
    "had by word but not what all were we when your can said there use each which she do how their if "
    "will up other about out many then them these so some her would make like him into time has look "
    "two more write go see number no way could people my than first water been call who oil its now "
    "find long down day did get come made may part please maybe bubble poem mama papa bob pepper map "
    "open member simple brown blue big happy"
).split()
_ONSETS = "p b t d k g m n f v s z l r w sh ch h br st pl".split()
_NUCLEI = "a e i o u ai ou ee oo".split()
_CODAS = ["", "", "n", "m", "l", "t", "s", "p", "b", "r"]

_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER
_PHONEME_EVENT, _LAST_EVENT = 7, 0
_SYNCHRONOUS, _PHONEME_IPA = 2, 3


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int), ("length", ctypes.c_int), ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int), ("user_data", ctypes.c_void_p), ("string", ctypes.c_char * 8),
    ]  # fmt: skip


class _Library:
    """The loaded library and the buffers its callback fills. One per process: it has global state."""

    def __init__(self):
        self.lib = ctypes.CDLL("libespeak-ng.so.1")
        self.audio: list[np.ndarray] = []
        self.events: list[tuple[float, str]] = []
        self.hz = self.lib.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_IPA)
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
        )
        self.callback = kind(self._receive)  # kept: ctypes does not hold it
        self.lib.espeak_SetSynthCallback(self.callback)

    def _receive(self, samples, count, events):
        if samples and count > 0:
            self.audio.append(np.ctypeslib.as_array(samples, (count,)).copy())
        i = 0
        while events[i].type != _LAST_EVENT:
            if events[i].type == _PHONEME_EVENT:
                name = events[i].string.decode("utf8", "ignore")
                self.events.append((events[i].audio_position / 1000, name))
            i += 1
        return 0


@functools.cache
def _library() -> _Library | None:
    try:
        library = _Library()
    except OSError:
        return None
    return library if library.hz > 0 else None


def available() -> bool:
    """Whether espeak-ng can be used here."""
    return _library() is not None


def say(
    text: str, voice: str = "en-us", rate: float = 170, pitch: float = 50, pitch_range: float = 50
) -> tuple[Float[np.ndarray, "s"], list[Segment]]:
    """Speaks `text`; rate in words a minute, pitch and range 0-100. Returns audio (16 kHz), phonemes."""
    library = _library()
    if library is None:
        raise UserError("expected espeak-ng, found no libespeak-ng.so.1, do apt-get install espeak-ng")
    library.audio.clear()
    library.events.clear()
    if library.lib.espeak_SetVoiceByName(voice.encode()) != 0:
        raise UserError(f"expected a voice of espeak-ng, found {voice!r}, do espeak-ng --voices")
    for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, pitch_range)):
        library.lib.espeak_SetParameter(parameter, int(value), 0)
    data = text.encode() + b"\0"
    library.lib.espeak_Synth(data, len(data), 0, 1, 0, 1, None, None)
    library.lib.espeak_Synchronize()
    if not library.audio:
        return np.zeros(0, np.float32), []
    audio = np.concatenate(library.audio).astype(np.float32) / 32768
    audio = resample_poly(audio, 320, library.hz * 320 // AUDIO_HZ).astype(np.float32)
    return audio, _segments(library.events, audio)


def _segments(events: list[tuple[float, str]], audio: np.ndarray) -> list[Segment]:
    """IPA events to phonemes. Events carry no stress: long and loud vowels are taken as accented."""
    ends = [start for start, _ in events[1:]] + [len(audio) / AUDIO_HZ]
    phonemes, levels = [], []
    for (start, ipa), end in zip(events, ends, strict=True):
        names = ([_IPA[c] for c in ipa if c in _IPA] or [SILENCE])[:2]
        for i, name in enumerate(names):
            a, b = (start + (end - start) * k / len(names) for k in (i, i + 1))
            if b > a:
                phonemes.append(Segment(name, a, b))
                piece = audio[int(a * AUDIO_HZ) : int(b * AUDIO_HZ)]
                levels.append(10 * np.log10(np.mean(piece**2) + 1e-9) if len(piece) else -90.0)
    vowels = [level for p, level in zip(phonemes, levels, strict=True) if p.name in VOWELS]
    middle = np.median(vowels) if vowels else 0.0
    return [
        p._replace(stress=float(np.clip((p.end - p.start) / 0.12 - 0.5 + (level - middle) / 8, 0, 1)))
        if p.name in VOWELS
        else p
        for p, level in zip(phonemes, levels, strict=True)
    ]


def random_text(rng: np.random.Generator) -> str:
    """A sentence of common and made-up words: espeak's letter rules read anything."""
    words = []
    for _ in range(rng.integers(4, 14)):
        if rng.random() < 0.5:
            word = _WORDS[rng.integers(len(_WORDS))]
        else:
            word = "".join(
                part[rng.integers(len(part))]
                for _ in range(rng.integers(1, 4))
                for part in (_ONSETS, _NUCLEI, _CODAS)
            )
        words.append(word + ("," if rng.random() < 0.1 else ""))
    return " ".join(words) + ".?!"[rng.integers(3)]


def _pick(rng, options):
    return options[rng.integers(len(options))]


def speak(
    rng: np.random.Generator, seconds: float, held_out: bool = False
) -> tuple[Float[np.ndarray, "s"], list[Segment]]:
    """A clip of random sentences by one random voice; `held_out` uses voices kept from training."""
    if held_out:
        voice = _pick(rng, HELD_OUT_LANGUAGES) + _pick(rng, HELD_OUT_VARIANTS)
    else:
        voice = _pick(rng, LANGUAGES if rng.random() < 0.6 else LANGUAGES[:2]) + _pick(rng, VARIANTS)
    rate, pitch, pitch_range = rng.uniform(115, 235), rng.uniform(15, 90), rng.uniform(20, 90)
    silence = np.zeros(int(rng.uniform(0, 0.6) * AUDIO_HZ), np.float32)
    pieces, clock = [silence], len(silence) / AUDIO_HZ
    phonemes = [Segment(SILENCE, 0.0, clock)] if clock else []
    while clock < seconds:
        audio, said = say(random_text(rng), voice, rate, pitch, pitch_range)
        if not said:
            continue
        if said[0].start > 0:
            phonemes.append(Segment(SILENCE, clock, clock + said[0].start))
        phonemes += [p._replace(start=p.start + clock, end=p.end + clock) for p in said]
        long = rng.random() < 0.02
        gap = np.zeros(int((rng.uniform(2, 5) if long else rng.uniform(0, 0.9)) * AUDIO_HZ), np.float32)
        pieces += [audio, gap]
        clock += len(audio) / AUDIO_HZ
        end = clock + len(gap) / AUDIO_HZ
        phonemes.append(Segment(SILENCE, clock, end))
        clock = end
    audio = np.concatenate(pieces)[: int(seconds * AUDIO_HZ)]
    audio *= np.float32(0.1 / (np.sqrt(np.mean(audio**2)) + 1e-9))
    return audio, [p._replace(end=min(p.end, seconds)) for p in phonemes if p.start < seconds]
