"""Augmentation of speech by recording conditions: reverb, equalisation, noise, music, other
talkers, compression, codecs, level.

The largest single factor in the transfer of lip motion from synthetic to real speech: without it,
correlations fall by 0.06-0.20 and mouths open in noisy pauses. No effect introduces a delay.
"""

import numpy as np
from jaxtyping import Float
from scipy.fft import irfft, next_fast_len, rfft

from playmate_jax.motion.layout import AUDIO_HZ
from playmate_jax.synthetic.background import compress, music, other_talker


def reverberate(rng: np.random.Generator, spectrum: np.ndarray, n_fft: int) -> np.ndarray:
    """Multiplies the spectrum of `n_fft` samples by that of a random room: the direct sound, then a
    noise tail that decays over 0.1-0.6 s."""
    decay = rng.uniform(0.1, 0.6)
    t = np.arange(int(decay * AUDIO_HZ)) / AUDIO_HZ
    room = rng.standard_normal(len(t), dtype=np.float32) * np.exp(-6.9 * t / decay)
    room *= rng.uniform(0.02, 0.12)
    room[0] = 1
    return spectrum * rfft(room.astype(np.float32), n_fft)


def equaliser_db(rng: np.random.Generator, hz: np.ndarray, strength: float) -> np.ndarray:
    """A smooth random frequency response in dB, +-8 dB times `strength`, at frequencies `hz`.

    Sometimes with a high-pass or a low-pass filter (telephone: 3.4 kHz).
    """
    gain = np.interp(hz, [0, 150, 400, 1000, 2500, 5000, 8000], rng.uniform(-8, 8, 7) * strength)
    if rng.random() < 0.2:
        gain -= 40 / (1 + np.exp((hz - rng.uniform(80, 300)) / 20))
    if rng.random() < 0.3:
        cut = rng.uniform(3300, 4000) if rng.random() < 0.4 else rng.uniform(4000, 7000)
        gain -= 45 / (1 + np.exp(-np.clip((hz - cut) / 120, -50, 50)))
    return gain


def noise_like(rng: np.random.Generator, n: int, n_fft: int, hz: np.ndarray) -> np.ndarray:
    """`n` samples of unit-variance noise with a random spectral slope; a third of them swell and
    fade, a tenth contain mains hum."""
    white = rng.standard_normal(n_fft, dtype=np.float32)
    colour = (np.maximum(hz, 40) / 40) ** rng.uniform(0, 1.1)
    noise = irfft(rfft(white) / colour.astype(np.float32), n_fft)[:n]
    if rng.random() < 0.3:
        swell = np.interp(np.arange(n), np.linspace(0, n, 30), rng.standard_normal(30))
        noise *= 1 + 0.8 * swell.astype(np.float32)
    noise /= noise.std() + 1e-9
    if rng.random() < 0.1:
        t = np.arange(n, dtype=np.float32) / AUDIO_HZ
        hum = rng.choice((50, 60)) * 2 * np.pi * t
        noise = 0.6 * noise + 0.8 * np.sin(hum) + 0.4 * np.sin(3 * hum + 1)
    return noise.astype(np.float32)


def codec(rng: np.random.Generator, audio: Float[np.ndarray, " s"]) -> Float[np.ndarray, " s"]:
    """The loss of a low-bitrate codec: spectral lines far below the loudest of their frame are set
    to zero."""
    size = int(rng.choice((512, 1024)))
    window = np.sin(np.pi * (np.arange(size) + 0.5) / size).astype(np.float32)
    n = len(audio)
    padded = np.pad(audio, (size // 2, size + (-n) % (size // 2)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 2] * window
    lines = rfft(frames)
    power = np.abs(lines)
    threshold = power.max(1, keepdims=True) * 10 ** (-rng.uniform(25, 45) / 20)
    pieces = irfft(np.where(power > threshold, lines, 0), size) * window
    out = np.zeros(len(padded) + size, np.float32)
    half = size // 2
    for i in (0, 1):
        block = pieces[:, i * half : (i + 1) * half].reshape(-1)
        out[i * half : i * half + len(block)] += block
    return out[half : half + n]


def augment(
    rng: np.random.Generator, audio: Float[np.ndarray, " s"], strength: float = 1.0
) -> Float[np.ndarray, " s"]:
    """Speech (16 kHz) under a random recording condition.

    Args:
      strength: scales the probability of each effect; 0 returns the audio unchanged.
    """
    if strength <= 0:
        return audio
    n = len(audio)
    (broadcast,) = rng.spawn(1)  # effects of their own draws: the other effects stay what they were
    n_fft = next_fast_len(n + int(0.6 * AUDIO_HZ), real=True)
    hz = np.fft.rfftfreq(n_fft, 1 / AUDIO_HZ).astype(np.float32)
    spectrum = rfft(audio.astype(np.float32), n_fft)
    if rng.random() < 0.6 * strength:
        spectrum = reverberate(rng, spectrum, n_fft)
    if rng.random() < 0.9 * strength:
        grid = np.linspace(0, AUDIO_HZ / 2, 801)
        curve = 10 ** (equaliser_db(rng, grid, strength) / 20)
        spectrum = spectrum * np.interp(hz, grid, curve).astype(np.float32)
    out = irfft(spectrum, n_fft)[:n]
    if rng.random() < 0.9 * strength:
        gain = out.std() * 10 ** (-rng.uniform(6, 45) / 20)
        out = out + np.float32(gain) * noise_like(rng, n, n_fft, hz)
    if broadcast.random() < 0.15 * strength:
        faint = out.std() * 10 ** (-broadcast.uniform(20, 30) / 20)
        out = out + np.float32(faint) * other_talker(broadcast, out)
    if broadcast.random() < 0.2 * strength:
        out = compress(broadcast, out)
    if broadcast.random() < 0.2 * strength:
        under = out.std() * 10 ** (-broadcast.uniform(5, 25) / 20)
        out = out + np.float32(under) * music(broadcast, n)
    if rng.random() < 0.15 * strength:
        out = codec(rng, out)
    if rng.random() < 0.1 * strength:  # clipping
        limit = np.float32(np.abs(out).max() * rng.uniform(0.3, 0.8))
        out = np.clip(out, -limit, limit)
    return (out * 10 ** rng.uniform(-1.2, 0.5)).astype(np.float32)
