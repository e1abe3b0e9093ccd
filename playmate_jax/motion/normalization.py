"""Adaptive normalisation of motion (§3.2, Eqs. 5 and 6).

Expression is normalised by the mean and std of the whole training set (Eq. 5), pose by each clip's
own mean and std over time (Eq. 6, with the factor 1/N that the printed mean lacks). Pose is
normalised per clip because base poses vary several times more than the pose within a clip: with one
global std the same error in std units would be that many times larger in degrees. Standard
deviations are floored: 27 of 63 expression numbers barely move in real data, and a clip in which
the head rests must not be scaled up to unit variance.

During generation there is no clip to compute Eq. 6 from: pose is denormalised around a base pose
(the source portrait's own) with the training set's mean per-clip std times a gain.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import flax.serialization
import flax.struct
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.motion.layout import EXPRESSION, MOTION_SIZE, POSE
from playmate_jax.motion.moments import Moments

CONDITION_CLIP = 3.0
EXPRESSION_STD_FLOOR = 1e-4
SPEECH_STD_FLOOR = 1e-2
# In head units. Numbers that are constant in all synthetic faces do vary in what M extracts.
IDENTITY_STD_FLOOR = 0.03
# Scale and translation in units of the image plane, angles in degrees: a clip whose pose varies
# less is at rest.
POSE_STD_FLOOR = np.array([1e-3, 1e-3, 1e-3, 1e-3, 0.1, 0.1, 0.1], np.float32)


@flax.struct.dataclass
class MotionStatistics:
    """Statistics of Eqs. 5 and 6 over a training set; they are part of the checkpoint.

    Attributes:
      expression_mean, expression_std: Eq. 5 over the training set, (63,); the std is floored.
      expression_low, expression_high: minimum and maximum over the training set, (63,), not
        normalised. Guidance is kept within them, because no renderer was trained beyond.
      pose_std: mean over clips of the floored per-clip std of Eq. 6, (7,).
    """

    expression_mean: Float[ArrayLike, "63"]
    expression_std: Float[ArrayLike, "63"]
    expression_low: Float[ArrayLike, "63"]
    expression_high: Float[ArrayLike, "63"]
    pose_std: Float[ArrayLike, "7"]


@flax.struct.dataclass
class Statistics:
    """Statistics of everything that enters or leaves the motion denoiser.

    Attributes:
      motion: statistics of motion, Eqs. 5 and 6.
      speech_mean, speech_std: mean and std of the speech features, (f,).
      identity_mean, identity_std: mean and std of the canonical keypoints, (63,).
    """

    motion: MotionStatistics
    speech_mean: Float[ArrayLike, " f"]
    speech_std: Float[ArrayLike, " f"]
    identity_mean: Float[ArrayLike, " i"]
    identity_std: Float[ArrayLike, " i"]

    @classmethod
    def of(cls, motion: MotionStatistics, speech: Moments, identity: Moments) -> "Statistics":
        """Statistics from the moments of a training set; stds are floored."""
        return cls(
            motion=motion,
            speech_mean=speech.mean.astype(np.float32),
            speech_std=np.maximum(speech.std, SPEECH_STD_FLOOR).astype(np.float32),
            identity_mean=identity.mean.astype(np.float32),
            identity_std=np.maximum(identity.std, IDENTITY_STD_FLOOR).astype(np.float32),
        )

    def normalized_speech(self, speech: Float[ArrayLike, "*b f"]) -> Float[ArrayLike, "*b f"]:
        """Speech features minus the training set's mean, in units of its std."""
        return (speech - self.speech_mean) / self.speech_std

    def normalized_identity(self, identity: Float[ArrayLike, "*b i"]) -> Float[ArrayLike, "*b i"]:
        """Canonical keypoints in units of std, clipped.

        A face far outside the training set is treated as one at its edge.
        """
        return ((identity - self.identity_mean) / self.identity_std).clip(
            -CONDITION_CLIP, CONDITION_CLIP
        )

    def to_tree(self) -> dict[str, Any]:
        """The statistics as a nested dict of arrays, for the checkpoint."""
        return flax.serialization.to_state_dict(self)

    @classmethod
    def from_tree(cls, tree: dict[str, Any]) -> "Statistics":
        """Statistics from the nested dict of arrays that `to_tree` returned.

        Raises:
          UserError: names are missing or unknown, as in another version; all are listed.
        """
        motion = tree.get("motion", {})
        found = {*(tree.keys() - {"motion"}), *(f"motion/{name}" for name in motion)}
        wanted = {field.name for field in dataclasses.fields(cls)} - {"motion"}
        wanted |= {f"motion/{field.name}" for field in dataclasses.fields(MotionStatistics)}
        if found != wanted:
            differences = [f"+ {name}" for name in sorted(found - wanted)]
            differences += [f"- {name}" for name in sorted(wanted - found)]
            raise UserError(
                "expected the statistics of this version of the model, found others (+ only in "
                f"the weights, - only in the model): {', '.join(differences)}; train again"
            )
        return cls(**{**tree, "motion": MotionStatistics(**motion)})


def motion_statistics(clips: Iterable[Float[np.ndarray, "_ 70"]]) -> MotionStatistics:
    """Eqs. 5 and 6 over clips (t, 70) of any lengths, in one pass and float64.

    Raises:
      ValueError: there are no clips.
    """
    parts = [
        (Moments.of(clip[:, EXPRESSION]), Moments.of(clip_pose_statistics(clip)[1][None]))
        for clip in clips
    ]
    if not parts:
        raise ValueError("expected at least one clip to take statistics from, found none")
    return motion_statistics_of(*map(Moments.merged, zip(*parts)))


def motion_statistics_of(expression: Moments, pose_std: Moments) -> MotionStatistics:
    """Eqs. 5 and 6 from moments.

    Args:
      expression: moments of the expression (63) over all frames.
      pose_std: moments, over clips, of each clip's own std of pose (7).
    """
    return MotionStatistics(
        expression_mean=expression.mean.astype(np.float32),
        expression_std=np.maximum(expression.std, EXPRESSION_STD_FLOOR).astype(np.float32),
        expression_low=expression.low.astype(np.float32),
        expression_high=expression.high.astype(np.float32),
        pose_std=pose_std.mean.astype(np.float32),
    )


def clip_pose_statistics(
    motion: Float[ArrayLike, "*batch t 70"],
) -> tuple[Float[ArrayLike, "*batch 7"], Float[ArrayLike, "*batch 7"]]:
    """Eq. 6: mean and floored std, over time, of each clip's pose."""
    pose = motion[..., POSE]
    return pose.mean(-2), _at_least(pose.std(-2), POSE_STD_FLOOR)


def normalize(
    motion: Float[ArrayLike, "*batch t 70"], statistics: MotionStatistics
) -> Float[ArrayLike, "*batch t 70"]:
    """Motion in units of std: Eq. 5 for expression, Eq. 6 for pose.

    Args:
      motion: whole clips: Eq. 6 takes its statistics over just these frames.
    """
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
    """Normalised motion back in head units, image units and degrees.

    Args:
      base_pose: the pose around which the head moves: the source portrait's own, or a clip's mean
        (with which, and that clip's `pose_std`, this inverts `normalize`).
      pose_std: std of the pose; None takes the training set's mean per-clip std.
      head_motion: gain of the head's motion; 0 keeps the head at `base_pose`.
    """
    std = statistics.pose_std if pose_std is None else pose_std
    expression = normalized[..., EXPRESSION] * statistics.expression_std
    pose = normalized[..., POSE] * (np.asarray(std)[..., None, :] * head_motion)
    return _join(expression + statistics.expression_mean, pose + base_pose[..., None, :])


def bounds(
    statistics: MotionStatistics, pose_bound: float
) -> tuple[Float[ArrayLike, "70"], Float[ArrayLike, "70"]]:
    """Lower and upper bounds of normalised motion.

    Expression is bounded by the extremes of the training set, pose by -/+ `pose_bound` std.
    """
    mean, std = statistics.expression_mean, statistics.expression_std
    pose = np.full(MOTION_SIZE - 63, pose_bound, np.float32)
    low, high = statistics.expression_low, statistics.expression_high
    return _join((low - mean) / std, -pose), _join((high - mean) / std, pose)


def _join(expression, pose):
    xp = np if isinstance(expression, np.ndarray) and isinstance(pose, np.ndarray) else jnp
    return xp.concatenate([expression, pose], -1)


def _at_least(array, floor):
    return np.maximum(array, floor) if isinstance(array, np.ndarray) else jnp.maximum(array, floor)
