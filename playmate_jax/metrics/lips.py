"""Do the lips say what is heard? Against known motion, and against the sound of real recordings.

Known motion (the synthetic world): `compare_lips` of generated and true units. Real recordings have
no true units: `lips_against_sound` compares the jaw with the speech level, width minus rounding
with the centre of the second formant, and asks for a shut mouth in pauses. An envelope follower
scores 1.0 on the first and about 0 on the second: never use the first alone.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from playmate_jax.motion.layout import AUDIO_HZ, FPS, SAMPLES_PER_FRAME
from playmate_jax.synthetic.expression import LIPS, UNIT
from playmate_jax.synthetic.phonemes import SILENCE, Segment, merge_silence

JAW, WIDE, ROUND, CLOSE = (UNIT[name] for name in ("jaw", "wide", "round", "close"))


def correlation(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> float:
    """Pearson's correlation; 0 where either is constant or shorter than two."""
    if len(a) < 2:
        return 0.0
    a, b = np.asarray(a, float) - np.mean(a), np.asarray(b, float) - np.mean(b)
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / scale) if scale > 1e-12 else 0.0


def correlation_at(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], lag: int) -> float:
    """`correlation` where `a` comes `lag` frames later than `b`, over what both have."""
    if lag >= 0:
        return correlation(a[lag:], b[: len(b) - lag])
    return correlation(a[:lag], b[-lag:])


def best_lag(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], reach: int = 5) -> int:
    """Frames by which `a` comes later than `b`: the shift with the highest correlation."""
    return max(range(-reach, reach + 1), key=lambda lag: (correlation_at(a, b, lag), -abs(lag)))


def silent_frames(
    phonemes: Sequence[Segment], n: int, margin_s: float = 0.12, least_s: float = 0.3
) -> Bool[np.ndarray, " n"]:
    """Frames inside silences of at least `least_s`, without the margins in which lips still
    move."""
    silent = np.zeros(n, bool)
    for p in merge_silence(list(phonemes)):
        if p.name == SILENCE and p.end - p.start >= least_s:
            first = int(np.ceil((p.start + margin_s) * FPS)) if p.start > 0 else 0
            silent[first : max(first, int((p.end - margin_s) * FPS))] = True
    return silent


def closures(close: Float[np.ndarray, " n"], above: float = 0.7) -> list[int]:
    """Frames at which the lips are pressed together most: the peaks of p, b and m."""
    c = np.concatenate([[-1.0], close, [-1.0]])
    peaks = (c[1:-1] > above) & (c[1:-1] >= c[:-2]) & (c[1:-1] > c[2:])
    return [int(t) for t in np.flatnonzero(peaks)]


def compare_lips(
    true: Float[np.ndarray, "clips n 18"],
    generated: Float[np.ndarray, "clips n 18"],
    phonemes: Sequence[Sequence[Segment]],
) -> dict[str, float]:
    """How well generated units follow true ones.

    Returns:
      correlation_<unit> for the five lip units (mean over clips); jaw_amplitude and jaw_jitter
      (ratios to the truth, of the std and of the second difference); lag_frames; bilabial_hit:
      share of true closures with close > 0.5 within one frame; false_closure: share of frames two
      or more away from any closing (true close < 0.1) with close > 0.5; silence_closed: share of
      silent frames with |jaw| < 0.1. NaN where the clips have no such frames.
    """
    n = true.shape[1]
    result = {
        f"correlation_{name}": float(
            np.mean([correlation(g[:, i], t[:, i]) for g, t in zip(generated, true, strict=True)])
        )
        for i, name in enumerate(LIPS)
    }
    hits: list[bool] = []
    false: list[np.ndarray] = []
    silent: list[np.ndarray] = []
    for t, g, said in zip(true, generated, phonemes, strict=True):
        for at in closures(t[:, CLOSE]):
            hits.append(g[max(0, at - 1) : at + 2, CLOSE].max() > 0.5)
        far = np.convolve(t[:, CLOSE] > 0.1, np.ones(5), "same") == 0
        false.append(g[far, CLOSE] > 0.5)
        silent.append(np.abs(g[silent_frames(said, n), JAW]) < 0.1)
    share = lambda x: float(np.mean(x)) if len(x) else float("nan")  # noqa: E731
    bend = lambda x: np.abs(np.diff(x[..., JAW], 2, axis=1)).mean()  # noqa: E731
    lags = [best_lag(g[:, JAW], t[:, JAW]) for t, g in zip(true, generated, strict=True)]
    return result | dict(
        jaw_amplitude=float(generated[..., JAW].std() / (true[..., JAW].std() + 1e-9)),
        jaw_jitter=float(bend(generated) / (bend(true) + 1e-9)),
        lag_frames=float(np.median(lags)),
        bilabial_hit=share(hits),
        false_closure=share(np.concatenate(false)),
        silence_closed=share(np.concatenate(silent)),
    )


def _video_frames(audio: np.ndarray, n: int) -> np.ndarray:
    length = n * SAMPLES_PER_FRAME
    padded = np.pad(audio, (0, max(0, length - len(audio))))
    return padded[:length].reshape(n, SAMPLES_PER_FRAME)


def energy_envelope(audio: Float[np.ndarray, " s"], n: int) -> Float[np.ndarray, " n"]:
    """Speech-band (150-4000 Hz) level per video frame, 0 at the noise floor ... 1 at the loud
    level.

    In decibels between the 3rd percentile (at most 50 dB down) and the 95th. All zeros for silence.
    """
    hz = np.fft.rfftfreq(len(audio), 1 / AUDIO_HZ)
    band = np.fft.irfft(np.fft.rfft(audio) * ((hz > 150) & (hz < 4000)), len(audio))
    level = 10 * np.log10((_video_frames(band, n) ** 2).mean(1) + 1e-10)
    high = np.percentile(level, 95)
    low = max(np.percentile(level, 3), high - 50)
    if high - low < 1.0:
        return np.zeros(n)
    return np.clip((level - low) / (high - low), 0, 1)


def second_formant_centre(
    audio: Float[np.ndarray, " s"], n: int
) -> tuple[Float[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Centre of gravity of 700-3000 Hz in Hz, and which frames are loud and voiced: front vowels
    are high."""
    windows = _video_frames(audio, n) * np.hanning(SAMPLES_PER_FRAME)
    power = np.abs(np.fft.rfft(windows, 1024)) ** 2
    hz = np.fft.rfftfreq(1024, 1 / AUDIO_HZ)
    band = (hz > 700) & (hz < 3000)
    centre = (power[:, band] * hz[band]).sum(1) / (power[:, band].sum(1) + 1e-9)
    voiced = power[:, hz < 3000].sum(1) > 4 * power[:, hz > 3000].sum(1)
    return centre, voiced & (energy_envelope(audio, n) > 0.6)


def pauses(
    envelope: Float[np.ndarray, " n"], low: float = 0.3, least: int = 6, trim: int = 2
) -> Bool[np.ndarray, " n"]:
    """Frames in stretches of at least `least` frames under `low`, `trim` frames off either end."""
    quiet = np.concatenate([[False], envelope < low, [False]])
    starts = np.flatnonzero(np.diff(quiet.astype(int)) == 1)
    ends = np.flatnonzero(np.diff(quiet.astype(int)) == -1)
    result = np.zeros(len(envelope), bool)
    for start, end in zip(starts, ends, strict=True):
        if end - start >= least:
            result[start + trim : end - trim] = True
    return result


def lips_against_sound(
    units: Float[np.ndarray, "n 18"],
    audio: Float[np.ndarray, " s"],
    others: Sequence[Float[np.ndarray, " s"]] = (),
) -> dict[str, float]:
    """Generated units against the recording they were generated for.

    Args:
      others: other recordings: the margin over the correlation with *their* level is what counts.

    Returns:
      jaw_energy; jaw_energy_margin (jaw_energy minus the highest with any other's, over the common
      length; NaN without others); second_formant (correlation of wide - round with its centre over
      loud voiced frames); pause_closed (share of pause frames with jaw < 0.12; NaN without pauses);
      lag_frames.
    """
    n = len(units)
    envelope = energy_envelope(audio, n)
    centre, voiced = second_formant_centre(audio, n)
    quiet = pauses(envelope)
    jaw = units[:, JAW]
    margins = []
    for other in others:
        m = min(n, len(other) // SAMPLES_PER_FRAME)
        own = correlation(jaw[:m], envelope[:m])
        margins.append(own - correlation(jaw[:m], energy_envelope(other, m)))
    shape = units[:, WIDE] - units[:, ROUND]
    return dict(
        jaw_energy=correlation(jaw, envelope),
        jaw_energy_margin=min(margins) if margins else float("nan"),
        second_formant=correlation(shape[voiced], centre[voiced]),
        pause_closed=float((jaw[quiet] < 0.12).mean()) if quiet.any() else float("nan"),
        lag_frames=float(best_lag(jaw, envelope)),
    )
