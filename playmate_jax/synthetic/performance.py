"""Facial motion during speech: from phonemes to 18 units and the 70 motion numbers at 25 fps.

Lips: every phoneme pulls each lip unit towards its target with a dominance that decays
exponentially around it (co-articulation, Cohen & Massaro 1993), computed at 100 Hz and averaged
over the 40 ms of a frame. Brows and nods follow accents; blinks occur at random and at phrase ends;
the gaze shifts in saccades; emotions add their movements (`emotion.py`). The head nods on accents,
drifts slowly during speech, and rolls in proportion to yaw. Head motion is band-limited (below
about 1 Hz, nods 2 Hz), so that it can be learned.
"""

import numpy as np
from jaxtyping import Float

from playmate_jax.motion.layout import EXPRESSION, FPS, MOTION_SIZE, POSE
from playmate_jax.synthetic.effort import jaw_gain
from playmate_jax.synthetic.emotion import JAW_GAIN, ease, personal_prototypes, traits
from playmate_jax.synthetic.expression import BASIS, HIGH, LOW, UNIT, UNITS
from playmate_jax.synthetic.phonemes import PHONEMES, SILENCE, Segment

_SUBFRAMES = 4  # lips are computed at 100 Hz
_REACH_S = np.array([0.045, 0.07, 0.07, 0.015, 0.02])  # jaw wide round close fv: lips round early
_HEAD_STD = np.array([1.5, 2.6, 1.3])  # slow drift of pitch, yaw, roll in degrees
_BASE_STD = np.array([4.0, 6.0, 3.0])  # mean pitch, yaw, roll of people, in degrees
_BASE_SCALE, _SCALE_SPREAD, _TRANSLATION_STD = 0.72, 0.03, 0.03
_GLIMPSE_S = 0.06  # shorter silences do not close the mouth


def lips(phonemes: list[Segment], n: int) -> Float[np.ndarray, "n 5"]:
    """The lip units jaw, wide, round, close, fv of n frames, for average articulation."""
    names = [
        "h" if p.name == SILENCE and p.end - p.start < _GLIMPSE_S else p.name for p in phonemes
    ]
    table = np.array([PHONEMES[name].lips for name in names])
    start, end, stress, effort = (np.array([p[i] for p in phonemes], float) for i in range(1, 5))
    targets, holds = table[:, :5].copy(), table[:, [5, 6, 6, 7, 7]]
    targets[:, 0] = np.minimum(targets[:, 0] * (0.94 + 0.2 * stress) * jaw_gain(effort), 1)
    sub = n * _SUBFRAMES
    out = np.zeros((sub, 5))
    weight = np.full((sub, 5), 1e-6)
    # each phoneme reaches 12 time constants at most: work on that window only
    reach = int(12 * _REACH_S.max() * FPS * _SUBFRAMES)
    first = np.clip((start * FPS * _SUBFRAMES).astype(int) - reach, 0, sub)
    last = np.clip((end * FPS * _SUBFRAMES).astype(int) + reach + 1, 0, sub)
    seconds = (np.arange(sub) + 0.5) / (FPS * _SUBFRAMES)
    for k in range(len(names)):
        window = slice(first[k], last[k])
        away = np.maximum(0, np.maximum(start[k] - seconds[window], seconds[window] - end[k]))
        dominance = holds[k] * np.exp(-away[:, None] / _REACH_S)
        out[window] += dominance * targets[k]
        weight[window] += dominance
    out /= weight
    kernel = np.hanning(7)[1:-1]
    padded = np.pad(out, ((2, 2), (0, 0)), "edge")
    out = np.stack([np.convolve(c, kernel / kernel.sum(), "valid") for c in padded.T], -1)
    return out.reshape(n, _SUBFRAMES, 5).mean(1)


def slow_noise(rng: np.random.Generator, n: int, cutoff_hz: float) -> Float[np.ndarray, " n"]:
    """n samples, at 25 fps, of Gaussian noise with unit variance and a Gaussian spectrum, which is
    -8.7 dB at the cutoff."""
    sigma = FPS / (2 * np.pi * cutoff_hz)
    half = int(4 * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    noise = rng.standard_normal(n + 2 * half)
    return np.convolve(noise, kernel / np.sqrt((kernel**2).sum()), "valid")


def _bumps(seconds, centres, heights, width_s) -> np.ndarray:
    total = np.zeros(len(seconds))
    for centre, height in zip(centres, heights, strict=True):
        total += height * np.exp(-0.5 * ((seconds - centre) / width_s) ** 2)
    return total


def _prosody(phonemes: list[Segment], n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Accents (n,), speech activity (n,) in 0..1, position in the phrase (n,) in -1..1 (0 in
    pauses)."""
    seconds = (np.arange(n) + 0.5) / FPS
    centres = [(p.start + p.end) / 2 for p in phonemes if p.stress > 0.3]
    accent = _bumps(seconds, centres, [p.stress for p in phonemes if p.stress > 0.3], 0.11)
    speaking, place, begin = np.zeros(n), np.zeros(n), 0.0
    pauses = [p for p in phonemes if p.name == SILENCE and p.end - p.start > 0.2]
    for pause in [*pauses, Segment(SILENCE, n / FPS, n / FPS)]:
        if pause.start - begin > 0.1:
            inside = (seconds >= begin) & (seconds < pause.start)
            speaking[inside] = 1
            place[inside] = 2 * (seconds[inside] - begin) / (pause.start - begin) - 1
        begin = pause.end
    kernel = np.hanning(17)[1:-1]
    kernel /= kernel.sum()
    soften = lambda x: np.convolve(np.pad(x, 7, "edge"), kernel, "valid")  # noqa: E731
    return np.minimum(accent, 1.3), soften(speaking), soften(place)


def _blinks(rng, phonemes, n: int) -> Float[np.ndarray, " n"]:
    """Lid closure by blinks (100 ms to close, 200 ms to open) every 3-4 s and at half of the phrase
    ends."""
    ends = [p.start for p in phonemes if p.name == SILENCE and p.end - p.start > 0.2]
    at = [x + 0.05 for x in ends if rng.random() < 0.45]
    clock = rng.exponential(3.0)
    while clock < n / FPS:
        at.append(clock)
        clock += 0.5 + rng.exponential(3.2)
    seconds = (np.arange(n) + 0.5) / FPS
    closure = np.zeros(n)
    for x in at:
        width = np.where(seconds < x, 0.045, 0.08)
        closure = np.maximum(closure, np.exp(-0.5 * ((seconds - x) / width) ** 2))
    return closure


def _gaze(rng, n: int) -> Float[np.ndarray, "n 2"]:
    """Gaze, mostly at the viewer, with saccades aside for 0.3-1.2 s, which take two frames."""
    gaze, t = np.zeros((n, 2)), 0
    here = np.zeros(2)
    while t < n:
        stay = int(FPS * (rng.uniform(0.8, 3.0) if not here.any() else rng.uniform(0.3, 1.2)))
        gaze[t : t + stay] = here + rng.normal(0, 0.03, 2)
        here = rng.normal(0, (0.35, 0.2)) if not here.any() and rng.random() < 0.7 else np.zeros(2)
        t += stay
    padded = np.pad(gaze, ((1, 1), (0, 0)), "edge")
    return 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]


def _beats(rng, phonemes, n: int) -> Float[np.ndarray, "n 2"]:
    """Turns and tilts of the head in degrees at accents, in random directions."""
    accents = [p for p in phonemes if p.stress > 0.3]
    centres = [(p.start + p.end) / 2 for p in accents]
    turns = rng.normal(0, 0.9, len(accents)) * [p.stress for p in accents]
    tilts = 0.4 * turns + rng.normal(0, 0.4, len(accents)) * [p.stress for p in accents]
    seconds = (np.arange(n) + 0.5) / FPS
    return np.stack([_bumps(seconds, centres, heights, 0.18) for heights in (turns, tilts)], -1)


def _head(
    rng, phonemes, accent, speaking, place, n: int, strength: float
) -> Float[np.ndarray, "n 7"]:
    """Scale, translation (3), pitch, yaw, roll around a base pose drawn for the person."""
    activity = 0.35 + 0.65 * speaking
    drift = np.stack([slow_noise(rng, n, f) for f in (0.35, 0.25, 0.25)], -1)
    small = np.stack([slow_noise(rng, n, 1.0) for _ in range(3)], -1)
    drift = (drift + 0.15 * small) * activity[:, None]
    beats = _beats(rng, phonemes, n)
    nod = accent - accent.mean()
    pitch = _HEAD_STD[0] * drift[:, 0] + rng.uniform(1.0, 2.4) * nod + rng.uniform(0.2, 0.9) * place
    yaw = _HEAD_STD[1] * drift[:, 1] + rng.normal(0, 0.7) * place + beats[:, 0]
    roll = _HEAD_STD[2] * drift[:, 2] + 0.28 * yaw + beats[:, 1] - rng.uniform(0.1, 0.4) * nod
    pitch, yaw, roll = (x + (strength - 1) * (x - x.mean()) for x in (pitch, yaw, roll))
    base = np.clip(rng.standard_normal(3), -2.5, 2.5) * _BASE_STD
    scale = _BASE_SCALE * (1 + _SCALE_SPREAD * np.clip(rng.standard_normal(), -2, 2))
    pose = np.zeros((n, 7))
    pose[:, 0] = scale * (1 + 0.004 * slow_noise(rng, n, 0.2) + 0.0015 * pitch)
    pose[:, 1:3] = np.clip(rng.normal(0, _TRANSLATION_STD, 2), -0.07, 0.07)
    pose[:, 1] += -0.0015 * yaw + 0.002 * slow_noise(rng, n, 0.2)
    pose[:, 2] += 0.0015 * pitch + 0.002 * slow_noise(rng, n, 0.2)
    pose[:, 4:] = base + np.stack([pitch, yaw, roll], -1)
    return pose


def perform(
    rng: np.random.Generator,
    phonemes: list[Segment],
    n_frames: int,
    emotion: Float[np.ndarray, "*n 8"] | None = None,
    intensity: float = 1.0,
    identity: Float[np.ndarray, " 63"] | None = None,
    head_motion: float = 1.0,
) -> tuple[Float[np.ndarray, "n 70"], Float[np.ndarray, "n 18"]]:
    """Motion and units of a person who speaks `phonemes`.

    Args:
      n_frames: number of frames n, at 25 fps.
      emotion: weights of the eight emotions, (8,) or per frame (n, 8), times `intensity`; None is
        neutral.
      identity: canonical keypoints (63,), which determine part of a person's articulation and
        expression of emotions; None leaves this part out.
      head_motion: how far the head turns about its mean pose, as a factor.
    """
    n, u = n_frames, UNIT
    gains, habits = np.zeros((8, 18)), np.zeros(2)
    if identity is not None:
        gains, habits = traits(identity)
    spoken = lips(phonemes, n)
    spoken[:, 0] *= 1 + 0.10 * habits[0]
    spoken[:, 1:3] *= 1 + 0.08 * habits[1]
    accent, speaking, place = _prosody(phonemes, n)
    units = np.zeros((n, len(UNITS)))
    units[:, :5] = spoken
    brows = accent * rng.uniform(0.1, 0.4) + 0.06 * slow_noise(rng, n, 0.3)
    uneven = 1 + 0.15 * rng.standard_normal(2)
    units[:, u["brow_l"]] += brows * uneven[0] + 0.02 * slow_noise(rng, n, 0.3)
    units[:, u["brow_r"]] += brows * uneven[1] + 0.02 * slow_noise(rng, n, 0.3)
    units[:, u["frown"]] += 0.04 * (1 + slow_noise(rng, n, 0.3))
    units[:, u["smile"]] += 0.05 * slow_noise(rng, n, 0.15)
    # no part of a face is ever quite still, and stage 2 could not move a unit that never moves in
    # the data of stage 1
    units[:, u["brow_tilt"]] += 0.06 * slow_noise(rng, n, 0.3)
    for name in ("lip_up", "lip_lo", "cheek"):
        units[:, u[name]] += 0.05 * (1 + slow_noise(rng, n, 0.3))
    units[:, u["asym"]] += 0.05 * rng.standard_normal() * speaking

    # emotion: smoothed in time, varying by 15 %, with the person's own prototypes
    person = personal_prototypes(rng, gains)
    if emotion is not None:
        track = np.broadcast_to(np.asarray(emotion, float) * intensity, (n, 8))
        shown = ease(track, rng.uniform(0.25, 0.6))
        swell = np.clip(1 + 0.15 * slow_noise(rng, n, 0.15), 0.5, 1.5)
        units[:, 0] *= 1 + shown @ (JAW_GAIN - 1)
        units += (shown * swell[:, None]) @ person
    blink = _blinks(rng, phonemes, n)
    for side in ("lid_l", "lid_r"):
        units[:, u[side]] = units[:, u[side]] + blink * (1 - units[:, u[side]])
    units[:, u["gaze_x"] : u["gaze_y"] + 1] += _gaze(rng, n)
    # whatever the emotion adds to the jaw, the mouth closes for m b p
    units[:, 0] *= 1 - 0.6 * np.clip(units[:, u["close"]], 0, 1)
    units = np.clip(units, LOW, HIGH).astype(np.float32)

    motion = np.zeros((n, MOTION_SIZE), np.float32)
    motion[:, EXPRESSION] = units @ BASIS
    pose = _head(rng, phonemes, accent, speaking, place, n, head_motion)
    motion[:, POSE] = pose
    return motion, units
