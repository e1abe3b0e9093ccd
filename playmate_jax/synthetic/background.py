"""What plays under speech in recordings: music, other people talking.

The sounds are synthesised. Nothing in them is a person whose lips are wanted, so a model must learn
to follow the foreground.
"""

import numpy as np
from jaxtyping import Float

from playmate_jax.motion.layout import AUDIO_HZ

_CHORDS = ((0, 4, 7), (0, 3, 7), (0, 5, 9), (2, 5, 9), (0, 4, 7, 11))  # semitones
_HARMONICS = 6


def music(rng: np.random.Generator, n: int) -> Float[np.ndarray, " n"]:
    """`n` samples of unit-variance music: decaying chords on a beat, and in half of the cases
    drums."""
    beat = int(AUDIO_HZ * 60 / rng.uniform(70, 160))
    root_hz, fade_s = 110 * 2 ** rng.uniform(0, 1.5), rng.uniform(0.2, 1.5)
    roll_off, drums = rng.uniform(0.8, 2.0), rng.random() < 0.5
    length = 2 * beat
    t = np.arange(length, dtype=np.float32) / AUDIO_HZ
    envelope = np.minimum(t / 0.01, 1) * np.exp(-t / fade_s)
    k = np.arange(1, _HARMONICS + 1)[:, None]
    out = np.zeros(n + length, np.float32)
    chords = {}
    for start in range(0, n, beat):
        which = int(rng.integers(len(_CHORDS)))
        if which not in chords:
            hz = root_hz * 2 ** (np.array(_CHORDS[which]) / 12)
            tones = [np.sum(k**-roll_off * np.sin(2 * np.pi * k * f * t), 0) for f in hz]
            chords[which] = np.sum(tones, 0) * envelope
        out[start : start + length] += chords[which]
        if drums:
            hit = rng.standard_normal(beat // 4, dtype=np.float32)
            out[start : start + beat // 4] += 3 * hit * np.exp(-t[: beat // 4] / 0.03)
    out = out[:n]
    return (out / (out.std() + 1e-9)).astype(np.float32)


def other_talker(rng: np.random.Generator, audio: Float[np.ndarray, " s"]) -> np.ndarray:
    """A faint second talker of unit variance: the speech backwards, starting elsewhere, which has
    the spectrum and rhythm of speech and none of its timing."""
    other = np.roll(audio[::-1], int(rng.integers(len(audio))))
    return other / (other.std() + 1e-9)


def compress(rng: np.random.Generator, audio: Float[np.ndarray, " s"]) -> Float[np.ndarray, " s"]:
    """Dynamic-range compression as broadcasters use it: 2:1 to 6:1 above a threshold, by a level
    that is averaged over 40 ms around each sample, so that nothing is delayed."""
    hop = AUDIO_HZ // 100
    n = -(-len(audio) // hop)
    power = (np.pad(audio, (0, n * hop - len(audio))).reshape(n, hop) ** 2).mean(1)
    power = np.convolve(np.pad(power, 2, "edge"), np.full(5, 0.2), "valid")
    level_db = 10 * np.log10(power + 1e-9)
    threshold = 10 * np.log10(np.mean(power) + 1e-9) - rng.uniform(0, 15)
    gain_db = -np.maximum(level_db - threshold, 0) * (1 - 1 / rng.uniform(2, 6))
    centres = (np.arange(n) + 0.5) * hop
    gain = 10 ** (np.interp(np.arange(len(audio)), centres, gain_db) / 20)
    return (audio * gain).astype(np.float32)
