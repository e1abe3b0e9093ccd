"""Adaptive normalisation of motion (§3.2, Eqs. 5 and 6).

Expression is normalised by the mean and std of the whole training set (Eq. 5), pose by each clip's
own mean and std over time (Eq. 6, read with the 1/N that the printed mean lacks). Per clip, because
base poses spread several times wider than the motion inside a clip: with one global std the same
error in std units would be that many times larger in degrees. Standard deviations are floored: 27
of 63 expression numbers barely move in real data, and a clip in which the head rests must not be
blown up to unit variance.

When generating there is no clip to take Eq. 6 from: pose is brought back around a base pose (the
source portrait's own) with the training set's mean private std times a gain.
"""

from collections.abc import Iterable

import flax.struct
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float

from playmate_jax.motion.layout import EXPRESSION, MOTION_SIZE, POSE

EXPRESSION_STD_FLOOR = 1e-4
# Scale and translation in units of the image plane, angles in degrees: below this a clip's pose is
# at rest.
POSE_STD_FLOOR = np.array([1e-3, 1e-3, 1e-3, 1e-3, 0.1, 0.1, 0.1], np.float32)


@flax.struct.dataclass
class MotionStatistics:
    """What normalisation must remember; it travels in the checkpoint.

    Attributes:
      expression_mean, expression_std: Eq. 5 over the training set, (63,); the std is floored.
      expression_low, expression_high: the least and the most seen in the training set, (63,), in
        their own units: what guidance must not leave, because no renderer has seen beyond it.
      pose_std: mean over clips of the floored private std of Eq. 6, (7,).
    """

    expression_mean: Float[ArrayLike, "63"]
    expression_std: Float[ArrayLike, "63"]
    expression_low: Float[ArrayLike, "63"]
    expression_high: Float[ArrayLike, "63"]
    pose_std: Float[ArrayLike, "7"]


def motion_statistics(
    clips: Iterable[Float[np.ndarray, "_ 70"]], expression_floor: float = EXPRESSION_STD_FLOOR
) -> MotionStatistics:
    """Eqs. 5 and 6 over clips of any length, one pass in float64."""
    count, total, square, private = 0, np.zeros(63), np.zeros(63), []
    low, high = np.full(63, np.inf), np.full(63, -np.inf)
    for clip in clips:
        expression = clip[:, EXPRESSION].astype(np.float64)
        count += len(expression)
        total += expression.sum(0)
        square += (expression**2).sum(0)
        low, high = np.minimum(low, expression.min(0)), np.maximum(high, expression.max(0))
        private.append(clip_pose_statistics(clip)[1])
    if not count:
        raise ValueError("expected at least one clip to take statistics from, found none")
    mean = total / count
    std = np.sqrt(np.maximum(square / count - mean**2, 0))
    return MotionStatistics(
        expression_mean=mean.astype(np.float32),
        expression_std=np.maximum(std, expression_floor).astype(np.float32),
        expression_low=low.astype(np.float32),
        expression_high=high.astype(np.float32),
        pose_std=np.mean(private, 0).astype(np.float32),
    )


def clip_pose_statistics(
    motion: Float[ArrayLike, "*batch t 70"],
) -> tuple[Float[ArrayLike, "*batch 7"], Float[ArrayLike, "*batch 7"]]:
    """Eq. 6: a clip's own mean pose and floored std over time."""
    pose = motion[..., POSE]
    return pose.mean(-2), _at_least(pose.std(-2), POSE_STD_FLOOR)


def normalize(
    motion: Float[ArrayLike, "*batch t 70"], statistics: MotionStatistics
) -> Float[ArrayLike, "*batch t 70"]:
    """Motion of whole clips in units of std: Eq. 5 for expression, Eq. 6 (over these frames) for
    pose."""
    mean, std = clip_pose_statistics(motion)
    expression = (motion[..., EXPRESSION] - statistics.expression_mean) / statistics.expression_std
    pose = (motion[..., POSE] - mean[..., None, :]) / std[..., None, :]
    return _join(expression, pose)


def denormalize(
    normalized: Float[ArrayLike, "*batch t 70"],
    statistics: MotionStatistics,
    base_pose: Float[ArrayLike, "*batch 7"],
    pose_std: Float[ArrayLike, "*#batch 7"] | None = None,
    head_motion: float = 1.0,
) -> Float[ArrayLike, "*batch t 70"]:
    """Motion in its own units.

    Args:
      base_pose: the pose around which the head moves: the source portrait's own, or a clip's mean
        (then this inverts `normalize`).
      pose_std: std of the pose; the training set's mean private std if not given.
      head_motion: gain of the head's motion; 0 keeps it at `base_pose`.
    """
    std = statistics.pose_std if pose_std is None else pose_std
    expression = normalized[..., EXPRESSION] * statistics.expression_std
    pose = normalized[..., POSE] * (np.asarray(std)[..., None, :] * head_motion)
    return _join(expression + statistics.expression_mean, pose + base_pose[..., None, :])


def bounds(
    statistics: MotionStatistics, pose_bound: float
) -> tuple[Float[ArrayLike, "70"], Float[ArrayLike, "70"]]:
    """The least and the most of normalised motion: the training set's for expression, +-
    `pose_bound` std for pose."""
    mean, std = statistics.expression_mean, statistics.expression_std
    pose = np.full(MOTION_SIZE - 63, pose_bound, np.float32)
    low, high = statistics.expression_low, statistics.expression_high
    return _join((low - mean) / std, -pose), _join((high - mean) / std, pose)


def _join(expression, pose):
    xp = np if isinstance(expression, np.ndarray) and isinstance(pose, np.ndarray) else jnp
    return xp.concatenate([expression, pose], -1)


def _at_least(array, floor):
    return np.maximum(array, floor) if isinstance(array, np.ndarray) else jnp.maximum(array, floor)
