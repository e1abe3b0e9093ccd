"""A second speech synthesiser: espeak-ng, in its own process, where it is installed.

It is optional: `available()` says whether the shared library exists. It reports the start of every
phoneme (IPA), so timing is known as for the formant synthesiser, and its sixteen languages and
thirteen voice variants add variety. espeak-ng is licensed under GPL-3: it is a tool of the machine
that makes training data, neither imported nor shipped.
"""

import atexit
import functools
import subprocess
import sys

import numpy as np

from playmate_jax.errors import UserError
from playmate_jax.synthetic.espeak_worker import receive, send
from playmate_jax.synthetic.phonemes import Segment
from playmate_jax.synthetic.sentences import Spoken, random_text, spoken_clip

LANGUAGES = (
    "en-us", "en", "en-gb-scotland", "de", "fr", "es", "it", "nl", "pl", "pt", "sv", "cs", "tr",
    "ru", "fi", "hu",
)  # fmt: skip
# for tests, never for training
HELD_OUT_LANGUAGES = ("en-029", "da", "ro", "af", "id", "en-gb-x-rp")
VARIANTS = ("", *(f"+m{i}" for i in range(1, 8)), *(f"+f{i}" for i in range(1, 5)))
HELD_OUT_VARIANTS = ("+m8", "+f5", "+croak", "+klatt4")


class _Worker:
    """The process of `espeak_worker`, and its input and output."""

    def __init__(self):
        command = [sys.executable, "-m", "playmate_jax.synthetic.espeak_worker"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        atexit.register(self.close)
        self.missing, _ = self._answer()

    def _answer(self) -> tuple[str, list[Spoken]]:
        """The error message ("" for none), and the audio and phonemes of each sentence."""
        message = receive(self.process.stdout)
        if message is None:
            return "its process ended", []
        header, audio = message
        phonemes = [[Segment(*p) for p in sentence] for sentence in header["phonemes"]]
        return header["error"], list(zip(audio, phonemes, strict=True))

    def ask(self, sentences) -> tuple[str, list[Spoken]]:
        send(self.process.stdin, {"sentences": sentences})
        return self._answer()

    def close(self):
        self.process.kill()  # it has no state to save
        self.process.wait()


@functools.cache
def _worker() -> _Worker:
    return _Worker()


def available() -> bool:
    """Whether espeak-ng can be loaded on this machine."""
    return not _worker().missing


def say(
    sentences: list[str],
    voice: str = "en-us",
    rate: float = 170,
    pitch: float = 50,
    pitch_range: float = 50,
) -> list[Spoken]:
    """Speaks sentences; returns the audio (16 kHz) and the phonemes of each.

    Args:
      voice: the name of a language and variant, such as "en-us+f2".
      rate: words per minute.
      pitch, pitch_range: from 0 to 100.

    Raises:
      UserError: espeak-ng is not installed, or has no such voice.
    """
    if not available():
        raise UserError(
            f"expected espeak-ng, found {_worker().missing!r}: run apt-get install espeak-ng"
        )
    asked = [(text, voice, rate, pitch, pitch_range) for text in sentences]
    error, spoken = _worker().ask(asked)
    if error:
        raise UserError(
            f"expected espeak-ng to speak as {voice!r}, found {error!r}: see espeak-ng --voices"
        )
    return spoken


def _pick(rng, options):
    return options[rng.integers(len(options))]


def speak(rng: np.random.Generator, seconds: float, held_out: bool = False) -> Spoken:
    """A clip of random sentences by one random voice: audio (16 kHz, RMS 0.1) and its phonemes.

    Args:
      seconds: length of the clip.
      held_out: uses the languages and variants that are never used for training.
    """
    if held_out:
        voice = _pick(rng, HELD_OUT_LANGUAGES) + _pick(rng, HELD_OUT_VARIANTS)
    else:
        languages = LANGUAGES if rng.random() < 0.6 else LANGUAGES[:2]
        voice = _pick(rng, languages) + _pick(rng, VARIANTS)
    rate, pitch, pitch_range = rng.uniform(115, 290), rng.uniform(15, 90), rng.uniform(20, 90)

    def some(count: int) -> list[Spoken]:
        texts = [random_text(rng) for _ in range(count)]
        return say(texts, voice, rate, pitch, pitch_range)

    return spoken_clip(rng, seconds, some, sentence_s=2.5)
