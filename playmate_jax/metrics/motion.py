"""Is generated motion alive, smooth, and does it carry the emotion that was asked for?

Ratios are generated over true: 1 is right, a frozen head scores 0, a trembling one far above 1.
Emotion is read in the space of the 18 units, the lips left out: those belong to speech.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from playmate_jax.motion.layout import ANGLES, EXPRESSION, FPS, POSE
from playmate_jax.synthetic.emotion import PROTOTYPES
from playmate_jax.synthetic.expression import LIPS, UNIT, units_from_expression

_SHUT, _OPEN = 0.5, 0.3  # closure of both lids at which a blink begins, and ends
_EMOTION_UNITS = [i for name, i in UNIT.items() if name not in (*LIPS, "gaze_x", "gaze_y")]


def units_of(motion: Float[np.ndarray, "*b 70"]) -> Float[np.ndarray, "*b 18"]:
    """The facial units of motion vectors (least squares)."""
    return units_from_expression(motion[..., EXPRESSION])


def within_clip_std(motion: Float[np.ndarray, "clips n 70"]) -> Float[np.ndarray, " 3"]:
    """Std over time of pitch, yaw, roll in degrees, averaged over clips."""
    return motion[..., ANGLES].std(1).mean(0)


def jitter(motion: Float[np.ndarray, "clips n 70"]) -> Float[np.ndarray, " 3"]:
    """Mean absolute second difference of pitch, yaw, roll in degrees a frame squared."""
    return np.abs(np.diff(motion[..., ANGLES], 2, axis=1)).mean((0, 1))


def compare_head_motion(
    true: Float[np.ndarray, "clips n 70"], generated: Float[np.ndarray, "clips n 70"]
) -> dict[str, float]:
    """std_ratio_<angle> and jitter_ratio_<angle> of generated head motion against the true one."""
    std = within_clip_std(generated) / (within_clip_std(true) + 1e-9)
    shake = jitter(generated) / (jitter(true) + 1e-9)
    names = ("pitch", "yaw", "roll")
    return {f"std_ratio_{name}": float(v) for name, v in zip(names, std, strict=True)} | {
        f"jitter_ratio_{name}": float(v) for name, v in zip(names, shake, strict=True)
    }


def blinks_a_minute(units: Float[np.ndarray, "clips n 18"]) -> float:
    """How often both lids shut by more than half and open again, on average over the clips."""
    lids = units[..., [UNIT["lid_l"], UNIT["lid_r"]]].min(-1)
    count = 0
    for clip in lids:
        shut = False
        for closure in clip:
            count += closure > _SHUT and not shut
            shut = closure > (_OPEN if shut else _SHUT)
    return count * 60 * FPS / lids.size


def joint_acceleration(
    motion: Float[np.ndarray, "clips n 70"], joints: Sequence[int]
) -> dict[str, float]:
    """Root-mean-square acceleration across window joints over that inside windows.

    Args:
      joints: the first frame of every window but the first; the two second differences that contain
        the step from frame j - 1 to frame j are those centred on j - 1 and on j.

    Returns:
      expression and pose ratios, components first divided by their std over the whole motion.
    """
    n = motion.shape[1]
    across = np.zeros(n - 2, bool)
    for joint in joints:
        across[[i for i in (joint - 2, joint - 1) if 0 <= i < n - 2]] = True
    result = {}
    for name, part in (("expression", EXPRESSION), ("pose", POSE)):
        x = motion[..., part]
        x = x / np.maximum(x.std((0, 1)), 1e-4)
        power = (np.diff(x, 2, axis=1) ** 2).mean((0, 2))
        result[name] = float(np.sqrt(power[across].mean() / (power[~across].mean() + 1e-12)))
    return result


def emotion_offset(
    units: Float[np.ndarray, "n 18"], baseline: Float[np.ndarray, "n 18"] | None = None
) -> Float[np.ndarray, " d"]:
    """The clip's median departure from rest in the emotion units; blinks do not change it.

    Args:
      baseline: the same speech without emotion; None: a face at rest.
    """
    offset = np.median(units[:, _EMOTION_UNITS], 0)
    if baseline is not None:
        offset = offset - np.median(baseline[:, _EMOTION_UNITS], 0)
    return offset


def nearest_emotion(offset: Float[np.ndarray, " d"], intensity: float = 1.0) -> int:
    """Which of the eight emotions, shown by an average person at `intensity`, is nearest."""
    distance = ((offset - PROTOTYPES[:, _EMOTION_UNITS] * intensity) ** 2).sum(1)
    return int(np.argmin(distance))


def emotion_amplitude(offset: Float[np.ndarray, " d"], emotion: int) -> float:
    """Intensity that is seen: projection on the emotion's prototype, 1 = an average person in
    full."""
    prototype = PROTOTYPES[emotion, _EMOTION_UNITS]
    power = float(prototype @ prototype)
    return float(offset @ prototype) / power if power else 0.0


def rises_monotonically(amplitudes: Sequence[float], slack: float = 0.02) -> bool:
    """Whether amplitudes at rising intensities never fall by more than `slack`, and rise
    overall."""
    steps = np.diff(amplitudes)
    return bool((steps > -slack).all() and amplitudes[-1] - amplitudes[0] > slack)
