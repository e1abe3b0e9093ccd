"""A source-filter speech synthesiser in numpy: from phonemes and a speaker to a waveform.

Phonemes determine formants, voicing, frication and aspiration of every 5 ms; smoothing makes the
transitions. A pulse train (voice) and white noise are shaped frame by frame in the spectrum:
  Y = V H T + N H (aspiration + breath) + N B frication,
H = three moving formants, two fixed ones, a nasal zero; T = spectral tilt of the voice; B = the
band of the friction noise. Only magnitudes are filtered; the phase is that of the sources. Closures
of stops are silent (with a faint low hum when voiced), followed by a burst at the place of
articulation; nasals have a low murmur and a zero that depends on the place. It runs at about 200 x
real time on one core.
"""

import dataclasses

import numpy as np
from jaxtyping import Float
from scipy.fft import irfft, rfft

from playmate_jax.motion.layout import AUDIO_HZ
from playmate_jax.synthetic.phonemes import (
    NASALS,
    PHONEMES,
    SILENCE,
    STOPS,
    VOICELESS_STOPS,
    Segment,
)

_HOP, _WINDOW, _FFT = 80, 320, 512
_HZ = (np.arange(_FFT // 2 + 1) * AUDIO_HZ / _FFT).astype(np.float32)
_NASAL_ZERO_HZ = {"m": 1000.0, "n": 1650.0, "ng": 2800.0}
_LEANING = ("h", SILENCE, "k", "g", "x")  # their formants follow those of the next phoneme
_LOUDNESS_RMS = 0.1


@dataclasses.dataclass(frozen=True)
class Speaker:
    """One voice. Frequencies are in Hz; `tract` scales all formants (1: those of the table)."""

    pitch_hz: float
    tract: float
    rate: float
    tilt_db: float
    breath: float
    pitch_range: float
    bandwidth: float
    jitter: float
    friction: float
    dynamics: float
    inhales: float
    accent: np.ndarray  # (phonemes, 3) factors on the formants of every phoneme


def sample_speaker(rng: np.random.Generator) -> Speaker:
    """A random voice: from low to childlike, clear to breathy, monotone to lively."""
    pitch_hz = float(np.exp(rng.uniform(np.log(75), np.log(290))))
    tract = 1.0 + 0.22 * np.log2(pitch_hz / 120) + 0.06 * rng.standard_normal()
    return Speaker(
        pitch_hz=pitch_hz,
        tract=float(np.clip(tract, 0.85, 1.34)),
        rate=float(np.exp(rng.uniform(-0.30, 0.50))),
        tilt_db=rng.uniform(6, 14),
        breath=10 ** rng.uniform(-2.6, -1.1),
        pitch_range=rng.uniform(0.08, 0.35),
        bandwidth=rng.uniform(0.8, 1.6),
        jitter=rng.uniform(0.003, 0.02),
        friction=10 ** rng.uniform(-0.35, 0.25),
        dynamics=rng.uniform(0.5, 1.3),
        inhales=rng.uniform(0.02, 0.12) if rng.random() < 0.35 else 0.0,
        accent=1 + 0.06 * rng.standard_normal((len(PHONEMES), 3)),
    )


def smooth(x: np.ndarray, width: int) -> np.ndarray:
    """Hann smoothing of (n,) or (n, channels) over `width` samples; edge values are repeated."""
    if width < 2:
        return x
    window = np.hanning(width + 2)[1:-1]
    window /= window.sum()
    before = width // 2
    columns = x.reshape(len(x), -1).T
    padded = np.pad(columns, ((0, 0), (before, width - 1 - before)), "edge")
    return np.stack([np.convolve(c, window, "valid") for c in padded], -1).reshape(x.shape)


@dataclasses.dataclass
class _Tracks:
    """Control tracks at 200 Hz: one value for every 5 ms."""

    formants: np.ndarray
    voicing: np.ndarray
    frication: np.ndarray
    aspiration: np.ndarray
    nasality: np.ndarray
    nasal_zero: np.ndarray
    noise_hz: np.ndarray
    noise_width_hz: np.ndarray
    accent: np.ndarray
    log_pitch: np.ndarray


def _tracks(rng, speaker: Speaker, phonemes: list[Segment], n: int) -> _Tracks:
    k = _Tracks(
        formants=np.tile(np.array([500.0, 1500.0, 2500.0]) * speaker.tract, (n, 1)),
        voicing=np.zeros(n),
        frication=np.zeros(n),
        aspiration=np.zeros(n),
        nasality=np.zeros(n),
        nasal_zero=np.full(n, 1000.0),
        noise_hz=np.full(n, 4000.0),
        noise_width_hz=np.full(n, 2000.0),
        accent=np.zeros(n),
        log_pitch=np.zeros(n),
    )
    order = {name: i for i, name in enumerate(PHONEMES)}
    seconds = np.arange(n) * _HOP / AUDIO_HZ
    phrase_start, rising = 0.0, 0.0
    for index, (name, start, end, stress, _) in enumerate(phonemes):
        i, j = np.searchsorted(seconds, (start, end))
        if name == SILENCE and end - start > 0.1:
            phrase_start, rising = end, 0.25 * (rng.random() < 0.15)
        if j <= i:
            continue
        sound = PHONEMES[name].sound
        target = np.array(sound.formants)
        if name in _LEANING and index + 1 < len(phonemes):
            following = phonemes[index + 1].name
            if following != SILENCE:
                target = 0.3 * target + 0.7 * np.array(PHONEMES[following].sound.formants)
        k.formants[i:j] = target * speaker.accent[order[name]] * speaker.tract
        k.nasality[i:j] = name in NASALS
        k.nasal_zero[i:j] = _NASAL_ZERO_HZ.get(name, 1000.0)
        loud = 0.8 + 0.4 * stress
        if sound.noise_hz:
            k.noise_hz[i:j] = sound.noise_hz * (0.75 + 0.25 * speaker.tract)
            k.noise_width_hz[i:j] = sound.noise_width_hz
        if name in STOPS:
            voiceless = name in VOICELESS_STOPS
            release = i + max(1, int((j - i) * (0.6 if voiceless else 0.75)))
            burst_end = min(release + 3, j)
            k.voicing[i:release] = 0.5 * sound.voicing
            k.frication[release:burst_end] = sound.frication * loud
            if voiceless:
                k.aspiration[burst_end:j] = 0.22 * rng.uniform(0.3, 1)
            else:
                k.voicing[burst_end:j] = 0.4
        elif name == SILENCE:
            if speaker.inhales and end - start > 0.35 and rng.random() < 0.6:
                k.aspiration[max(i, j - int(rng.uniform(40, 80))) : j - 8] = speaker.inhales
        else:
            k.voicing[i:j] = sound.voicing * loud
            k.frication[i:j] = sound.frication * speaker.friction
            k.aspiration[i:j] = sound.aspiration
        k.accent[i:j] = stress
        since = seconds[i:j] - phrase_start
        k.log_pitch[i:j] = -0.12 * since + rising * np.clip(since - 0.8, 0, 1.5)
    return k


def _pulses(pitch_hz: np.ndarray, n_samples: int) -> np.ndarray:
    """A pulse train of unit power; each pulse is split over the two samples around its time."""
    frames = np.arange(len(pitch_hz))
    phase = np.cumsum(np.interp(np.arange(n_samples) / _HOP, frames, pitch_hz)) / AUDIO_HZ
    at = np.flatnonzero(np.diff(np.floor(phase)) > 0) + 1
    late = (phase[at] - np.floor(phase[at])) / (phase[at] - phase[at - 1])
    voice = np.zeros(n_samples, np.float32)
    voice[at] += 1 - late
    voice[at - 1] += late
    return voice * np.float32(np.sqrt(AUDIO_HZ / pitch_hz.mean()))


def _resonance(centre_hz, width_hz):
    """Magnitude response of a two-pole resonator, 1 at 0 Hz."""
    square = np.asarray(centre_hz, np.float32) ** 2
    return square / np.sqrt(
        (square - _HZ**2) ** 2 + (np.asarray(width_hz, np.float32) * _HZ) ** 2 + 1
    )


def _frames(x: np.ndarray, n: int) -> np.ndarray:
    padded = np.pad(x, (_WINDOW // 2, _WINDOW))
    window = np.hanning(_WINDOW + 1)[:_WINDOW].astype(np.float32)
    return np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][:n] * window


def synthesise(
    rng: np.random.Generator, speaker: Speaker, phonemes: list[Segment], seconds: float
) -> Float[np.ndarray, " s"]:
    """Synthesises `phonemes` in a voice: float32 audio at 16 kHz, `seconds` long, RMS 0.1."""
    n = int(seconds * AUDIO_HZ / _HOP) + 1
    k = _tracks(rng, speaker, phonemes, n)
    # formants glide over 60-110 ms, amplitudes over 15-20 ms
    formants = smooth(k.formants, int(rng.integers(12, 22))).astype(np.float32)
    voicing, frication, aspiration, nasality = (
        smooth(x, w).astype(np.float32)
        for x, w in ((k.voicing, 4), (k.frication, 3), (k.aspiration, 4), (k.nasality, 6))
    )
    accent = smooth(k.accent, 25)
    drift = smooth(6 * rng.standard_normal(n), 300)
    effort = (10 ** (speaker.dynamics * (0.15 * drift + 0.12 * accent))).astype(np.float32)
    wander = 0.06 * smooth(5 * rng.standard_normal(n), 120)
    log_pitch = speaker.pitch_range * (3 * k.log_pitch + rng.uniform(0.8, 1.4) * accent) + wander
    shake = 1 + speaker.jitter * rng.standard_normal(n)
    voice = _pulses(speaker.pitch_hz * np.exp(log_pitch) * shake, n * _HOP)
    noise = rng.standard_normal(n * _HOP, dtype=np.float32)

    widening = (1 + 1.2 * nasality[:, None]) * speaker.bandwidth
    tract = np.ones((n, len(_HZ)), np.float32)
    for i, width_hz in enumerate((70, 95, 150)):
        tract *= _resonance(formants[:, i : i + 1], width_hz * widening)
    fixed = _resonance(3500 * speaker.tract, 250) * (1 + (_HZ / 3500) ** 2)
    tract *= fixed
    murmur = np.flatnonzero(nasality > 0.01)
    zero = _HZ**2 - k.nasal_zero[murmur, None].astype(np.float32) ** 2
    notch = np.sqrt((zero**2 + (120 * _HZ) ** 2) / (zero**2 + (700 * _HZ) ** 2 + 1))
    tract[murmur] *= 1 - nasality[murmur, None] * (1 - notch)
    tilt = 10 ** (-(speaker.tilt_db / 20) * np.log2(np.maximum(_HZ, 100) / 100))
    radiation = _HZ / 1000 + 0.05
    v = rfft(_frames(voice, n), _FFT)
    w = rfft(_frames(noise, n), _FFT)
    breath = (aspiration + speaker.breath * voicing) * effort
    v *= (3 * tilt * radiation).astype(np.float32) * (voicing * effort)[:, None]
    v += w * ((0.35 * radiation).astype(np.float32) * breath[:, None])
    v *= tract
    hiss = np.flatnonzero(
        frication > 1e-3
    )  # friction bypasses the tract: its cavity is the lips' own
    from_centre = (_HZ - k.noise_hz[hiss, None].astype(np.float32)) / (
        0.6 * k.noise_width_hz[hiss, None].astype(np.float32)
    )
    v[hiss] += w[hiss] * np.exp(-0.5 * from_centre**2) * (1.6 * frication * effort)[hiss, None]
    pieces = irfft(v, _FFT)
    audio = np.zeros(n * _HOP + 2 * _FFT, np.float32)
    for i in range(0, _FFT, _HOP):  # overlap-add, one column of hops at a time
        piece = pieces[:, i : i + _HOP]
        audio[i : i + n * _HOP].reshape(n, _HOP)[:, : piece.shape[1]] += piece
    audio = audio[_WINDOW // 2 :][: int(seconds * AUDIO_HZ)]
    return audio * np.float32(_LOUDNESS_RMS / (np.sqrt(np.mean(audio**2)) + 1e-9))
