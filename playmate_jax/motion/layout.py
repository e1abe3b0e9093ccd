"""The one table of the motion vector, 70 numbers a frame; and the rates of motion and speech.

Order: 63 expression numbers (21 keypoints x 3, the delta of Eq. 1), 1 scale, 3 translation (z is
0), then pitch, yaw and roll in degrees. All other files use these slices or `pack`/`unpack` and
never index the vector by number.
"""

import enum
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

FPS = 25  # of motion, and of every video that is prepared or generated
AUDIO_HZ = 16_000  # of all speech that networks take
SAMPLES_PER_FRAME = AUDIO_HZ // FPS  # 640
KEYPOINTS = 21

EXPRESSION = slice(0, 63)
SCALE = slice(63, 64)
TRANSLATION = slice(64, 67)
PITCH = 67
YAW = 68
ROLL = 69
ANGLES = slice(67, 70)
POSE = slice(63, 70)

EXPRESSION_SIZE = 63
POSE_SIZE = 7
MOTION_SIZE = 70

# LivePortrait's groups of keypoints; synthetic faces use the same ones.
LIP_KEYPOINTS = (6, 12, 14, 17, 19, 20)
EYE_KEYPOINTS = (11, 13, 15, 16, 18)


class Emotion(enum.IntEnum):
    """The eight emotions, in the order of the emotion controller's condition vector."""

    NEUTRAL = 0
    ANGRY = 1
    DISGUSTED = 2
    CONTEMPT = 3
    FEAR = 4
    HAPPY = 5
    SAD = 6
    SURPRISED = 7


EMOTIONS = tuple(emotion.name.lower() for emotion in Emotion)


def pack(parts: Mapping) -> Float[Any, "*batch 70"]:
    """Motion vectors from their named parts.

    Args:
      parts: "expression" (..., 21, 3), "scale" (..., 1), "translation" (..., 3), and "pitch",
        "yaw", "roll" (...,) in degrees. NumPy arrays give a NumPy array, JAX arrays a JAX array.
    """
    xp = _namespace(parts["expression"])
    expression = parts["expression"]
    expression = expression.reshape(*expression.shape[:-2], EXPRESSION_SIZE)
    angles = xp.stack([parts["pitch"], parts["yaw"], parts["roll"]], -1)
    return xp.concatenate([expression, parts["scale"], parts["translation"], angles], -1)


def unpack(motion: Float[Any, "*batch 70"]) -> dict:
    """The named parts of motion vectors, with the shapes that `pack` takes; its inverse."""
    return {
        "expression": motion[..., EXPRESSION].reshape(*motion.shape[:-1], KEYPOINTS, 3),
        "scale": motion[..., SCALE],
        "translation": motion[..., TRANSLATION],
        "pitch": motion[..., PITCH],
        "yaw": motion[..., YAW],
        "roll": motion[..., ROLL],
    }


def _namespace(array):
    """NumPy for NumPy arrays, jax.numpy for everything else."""
    if isinstance(array, np.ndarray):
        return np
    import jax.numpy as jnp  # only when needed: readers of the table need no JAX

    return jnp
