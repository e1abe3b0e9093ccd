"""Speech with known timing: `utterance(seed, index, seconds, voice)`.

There are three kinds of voices: our formant synthesiser's (`formant`, always available),
espeak-ng's (`espeak`), and those built from recordings of real speakers (`human`: flite and
festival); the last two where installed. `espeak_held_out` and `human_held_out` use voices that are
never used for training. `mix` is 35 % formant, 25 % espeak and 40 % human, with formant voices for
those that are not installed: a model trained on one synthesiser only loses 0.1 of lip correlation
on another. Clips depend on what is installed.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.motion.layout import AUDIO_HZ
from playmate_jax.synthetic import espeak, formant, human
from playmate_jax.synthetic.babble import babble
from playmate_jax.synthetic.effort import with_effort
from playmate_jax.synthetic.phonemes import PHONEMES, SILENCE, Segment, merge_silence

VOICES = ("formant", "espeak", "espeak_held_out", "human", "human_held_out", "mix")
_ESPEAK_SHARE, _HUMAN_SHARE = 0.25, 0.4
_WORDLESS_SHARE = 0.03  # share of clips without speech


class Utterance(NamedTuple):
    """Speech: mono float32 audio at 16 kHz, and its phonemes in order, without gaps."""

    audio: Float[np.ndarray, " s"]
    phonemes: list[Segment]


def _kind(drawn: float) -> str:
    """The kind of voice of `mix` for a number drawn from [0, 1)."""
    if drawn < _ESPEAK_SHARE:
        return "espeak" if espeak.available() else "formant"
    if drawn < _ESPEAK_SHARE + _HUMAN_SHARE:
        return "human" if human.available() else "formant"
    return "formant"


def utterance(seed: int, index: int, seconds: float, voice: str = "mix") -> Utterance:
    """Speech number `index` of the stream `seed`; the same arguments give the same samples.

    Raises:
      UserError: `voice` is not one of `VOICES`, or what it needs is not installed.
    """
    if voice not in VOICES:
        raise UserError(f"expected a voice among {', '.join(VOICES)}, found {voice!r}: choose one")
    rng = np.random.default_rng((seed, index, 1))
    if voice == "mix":
        voice = _kind(rng.random())
    if voice.startswith("espeak"):
        audio, phonemes = espeak.speak(rng, seconds, held_out=voice == "espeak_held_out")
    elif voice.startswith("human"):
        audio, phonemes = human.speak(rng, seconds, held_out=voice == "human_held_out")
    else:
        speaker = formant.sample_speaker(rng)
        if rng.random() < _WORDLESS_SHARE:
            phonemes = [Segment(SILENCE, 0.0, seconds)]
            audio = rng.normal(0, 1e-3, int(seconds * AUDIO_HZ)).astype(np.float32)
        else:
            phonemes = babble(rng, seconds, speaker.rate)
            audio = formant.synthesise(rng, speaker, phonemes, seconds)
    return Utterance(*with_effort(rng, audio, merge_silence(phonemes)))


# "Hello. My name is Playmate. Maybe people will believe a moving face." in our phonemes;
# ' marks accents, a dot is a pause.
_DEMO = (
    ". h eh l 'o uh . m aa ih n 'e ih m ih z p l 'e ih m e ih t . "
    "m 'e ih b iy p 'iy p ax l w ih l b ih l 'iy v ax m 'uw v ih ng f 'e ih s ."
)


def demo_utterance() -> Utterance:
    """The bundled speech: a sentence of five seconds in one fixed formant voice."""
    rng = np.random.default_rng(20)
    speaker = formant.sample_speaker(rng)
    speaker = dataclasses.replace(
        speaker, pitch_hz=128.0, tract=1.03, tilt_db=9.0, breath=0.012, pitch_range=0.24,
        bandwidth=0.95, jitter=0.006, friction=0.9, dynamics=0.8, inhales=0.0,
        accent=np.ones_like(speaker.accent),
    )  # fmt: skip
    phonemes, clock = [], 0.0
    for token in _DEMO.split():
        name = SILENCE if token == "." else token.lstrip("'")
        stress = 0.9 if token.startswith("'") else 0.0
        duration = 0.26 if name == SILENCE else PHONEMES[name].sound.duration_ms / 1000
        phonemes.append(Segment(name, clock, clock + duration * (1 + 0.35 * stress), stress))
        clock = phonemes[-1].end
    stretch = 5.0 / clock
    phonemes = [p._replace(start=p.start * stretch, end=p.end * stretch) for p in phonemes]
    return Utterance(formant.synthesise(rng, speaker, phonemes, 5.0), phonemes)
