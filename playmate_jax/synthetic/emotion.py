"""Eight emotions as movements of the 18 units, which differ between people and vary over time.

`PROTOTYPES` (8, 18) are the units of an average face at intensity 1. Every person has individual
gains per unit: part of them is determined by the face, so that a model that sees the face can learn
them, the rest is random. Over time an emotion rises with a random attack and varies slowly.
"""

import functools

import numpy as np
from jaxtyping import Float

from playmate_jax.motion.layout import EMOTIONS, FPS
from playmate_jax.synthetic.expression import UNIT, UNITS
from playmate_jax.synthetic.identity import sample_identity
from playmate_jax.synthetic.keypoints import keypoints

_OFFSETS: dict[str, dict[str, float]] = {
    "neutral": {},
    "angry": dict(frown=0.9, brow_l=-0.55, brow_r=-0.55, brow_tilt=-0.5, lid_l=-0.12, lid_r=-0.12,
                  wide=-0.12, lip_lo=0.25, smile=-0.2),
    "disgusted": dict(lip_up=0.8, cheek=0.6, frown=0.45, smile=-0.35, lid_l=0.22, lid_r=0.22,
                      brow_l=-0.25, brow_r=-0.25),
    "contempt": dict(asym=0.8, lid_l=0.18, lid_r=0.18, brow_r=0.35, brow_l=-0.1, smile=0.12),
    "fear": dict(brow_l=0.6, brow_r=0.6, brow_tilt=0.8, frown=0.4, lid_l=-0.25, lid_r=-0.25,
                 wide=0.25, lip_lo=0.25),
    "happy": dict(smile=0.85, cheek=0.6, wide=0.2, lid_l=0.12, lid_r=0.12, brow_l=0.1, brow_r=0.1,
                  lip_up=0.15),
    "sad": dict(smile=-0.75, brow_tilt=0.85, frown=0.25, lid_l=0.22, lid_r=0.22, gaze_y=0.25,
                brow_l=0.1, brow_r=0.1),
    "surprised": dict(brow_l=0.95, brow_r=0.95, lid_l=-0.28, lid_r=-0.28, jaw=0.15, round=0.1),
}  # fmt: skip
_JAW_GAIN = dict(angry=1.12, contempt=0.95, fear=1.05, happy=1.08, sad=0.82, surprised=1.12)


def _table() -> np.ndarray:
    table = np.zeros((len(EMOTIONS), len(UNITS)), np.float32)
    for emotion, offsets in _OFFSETS.items():
        for unit, value in offsets.items():
            table[EMOTIONS.index(emotion), UNIT[unit]] = value
    return table


PROTOTYPES = _table()
JAW_GAIN = np.array([_JAW_GAIN.get(name, 1.0) for name in EMOTIONS], np.float32)

# Fixed maps from a face (63 numbers, head units) to 16 traits, and from those to gains.
_fixed = np.random.default_rng(63)
_TRAITS = (_fixed.standard_normal((63, 16)) / np.sqrt(63)).astype(np.float32)
_GAINS = (_fixed.standard_normal((16, 8 * 18 + 2)) / 4).astype(np.float32)


def face(seed: int, index: int) -> Float[np.ndarray, " 63"]:
    """Canonical keypoints of the synthetic person `index`: the generator's identity input."""
    return keypoints(sample_identity(seed, index)).reshape(63).astype(np.float32)


@functools.cache
def _people() -> tuple[np.ndarray, np.ndarray]:
    """Mean and std of canonical keypoints over 64 people; the std is floored."""
    faces = np.stack([face(0, index) for index in range(64)])
    return faces.mean(0), np.maximum(faces.std(0), 0.01)


def traits(person: Float[np.ndarray, " 63"]) -> tuple[np.ndarray, np.ndarray]:
    """Traits determined by a face: gains of emotions (8, 18) and of articulation (2,), about
    N(0, 1) over people."""
    mean, std = _people()
    habits = np.tanh(((person - mean) / std) @ _TRAITS) @ _GAINS
    return 1.6 * habits[:-2].reshape(8, 18), 1.6 * habits[-2:]


def personal_prototypes(
    rng: np.random.Generator, face_gains: Float[np.ndarray, "8 18"]
) -> Float[np.ndarray, "8 18"]:
    """One person's version of each emotion: the prototypes times gains (std 0.25) times a strength
    (std 0.12).

    Args:
      face_gains: the gains that `traits` returns for the person's face.
    """
    gains = 1 + 0.18 * face_gains + 0.16 * rng.standard_normal((8, 18))
    strength = 1 + 0.12 * rng.standard_normal((8, 1))
    stray = 0.04 * rng.standard_normal((8, 18)) * (np.abs(PROTOTYPES).sum(1, keepdims=True) > 0)
    stray[:, :5] = 0  # speech drives the lips: only the prototypes move them
    return PROTOTYPES * np.clip(gains, 0.3, 1.8) * np.clip(strength, 0.6, 1.4) + stray


def sample_track(
    rng: np.random.Generator, n: int, emotion: int, varied: bool = True
) -> Float[np.ndarray, "n 8"]:
    """Random emotion weights times intensity over n frames.

    Mostly constant; if `varied`, a fifth are blends and a third change during the clip.
    """
    first = np.zeros(8)
    first[emotion] = 1.0
    intensity = rng.uniform(0.4, 1.0)
    if not varied:
        return np.tile(first * intensity, (n, 1)).astype(np.float32)
    if rng.random() < 0.2:
        share = rng.uniform(0.2, 0.5)
        first *= 1 - share
        first[rng.integers(8)] += share
    track = np.tile(first * intensity, (n, 1))
    kind = rng.random()
    if kind < 0.35 and n > 75:
        at = int(rng.integers(n // 4, 3 * n // 4))
        if kind < 0.15:  # another emotion takes over
            track[at:] = np.eye(8)[rng.integers(8)] * rng.uniform(0.4, 1.0)
        elif kind < 0.25:  # intensity rises or falls steadily
            track *= np.linspace(rng.uniform(0, 1), rng.uniform(0, 1), n)[:, None] / intensity
        else:  # begins or ends during the clip
            track[:at] = 0 if rng.random() < 0.5 else track[:at]
            track[at:] = 0 if track[0].any() else track[at:]
    return track.astype(np.float32)


def ease(track: Float[np.ndarray, "n 8"], attack_s: float) -> Float[np.ndarray, "n 8"]:
    """The emotion track after a critically damped low-pass filter: no jumps, no overshoot.

    Args:
      track: weights times intensity at 25 fps.
      attack_s: time constant in seconds.
    """
    rate = 2.0 / (attack_s * FPS)
    value, speed, out = track[0].astype(float), np.zeros(track.shape[1]), np.empty(track.shape)
    for t, target in enumerate(track):
        speed += rate * (rate * (target - value) - 2 * speed)
        value = value + speed
        out[t] = value
    return out
