"""Vocal effort: some syllables are spoken louder with the mouth wider open, others are reduced.

Synthesisers speak every syllable with nearly the same energy. The level of real speech varies by 10
to 20 dB from syllable to syllable, and the jaw opens wider in louder vowels. Without this, lip
motion learned from synthetic speech does not follow the level of fast real speech.
"""

import numpy as np
from jaxtyping import Float

from playmate_jax.motion.layout import AUDIO_HZ
from playmate_jax.synthetic.phonemes import PHONEMES, SILENCE, VOWELS, Segment

_HZ = 200  # of the gain's control track
_GLIDE = 11  # its smoothing, in 5 ms
_LOW_DB, _HIGH_DB = -11.0, 7.0
_JAW_PER_DB = 0.045  # 6 dB more open the jaw by a quarter


def jaw_gain(effort_db: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The factor by which vocal effort, in dB, scales the jaw's target."""
    return 1 + _JAW_PER_DB * effort_db


def with_effort(
    rng: np.random.Generator, audio: Float[np.ndarray, " s"], phonemes: list[Segment]
) -> tuple[Float[np.ndarray, " s"], list[Segment]]:
    """The same speech with a random vocal effort for every vowel; the RMS is kept.

    Accented vowels are louder, the rest is random, with a range drawn per speaker. Consonants are
    as loud as their neighbours, less an attenuation drawn per speaker.

    Args:
      audio: mono, 16 kHz.
      phonemes: its phonemes; they are returned with their `effort` filled in.
    """
    depth, drop = rng.uniform(0.3, 1.3), rng.uniform(0.0, 6.0)
    spoken = []
    for p in phonemes:
        wanted_db = depth * (7 * (p.stress - 0.35) + 3 * rng.standard_normal())
        effort = float(np.clip(wanted_db, _LOW_DB, _HIGH_DB)) if p.name in VOWELS else 0.0
        spoken.append(p._replace(effort=effort))
    vowels = [p for p in spoken if p.name in VOWELS]
    if not vowels:
        return audio, spoken
    n = int(np.ceil(len(audio) / AUDIO_HZ * _HZ)) + 1
    at = np.arange(n) / _HZ
    gain_db = np.interp(at, [(p.start + p.end) / 2 for p in vowels], [p.effort for p in vowels])
    for p in spoken:
        if p.name not in VOWELS and p.name != SILENCE:
            i, j = np.searchsorted(at, (p.start, p.end))
            gain_db[i:j] -= drop * (1 if PHONEMES[p.name].sound.voicing else 0.5)
    window = np.hanning(_GLIDE + 2)[1:-1]
    smooth = np.convolve(np.pad(gain_db, _GLIDE // 2, "edge"), window / window.sum(), "valid")
    gain = 10 ** (np.interp(np.arange(len(audio)) / AUDIO_HZ, at, smooth) / 20)
    louder = audio * gain.astype(np.float32)
    return louder * np.float32(np.sqrt(np.mean(audio**2) / (np.mean(louder**2) + 1e-12))), spoken
