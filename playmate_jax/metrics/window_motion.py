"""Is the motion that was generated for one clip the clip's own? Figures that add up over clips.

Each figure is a (total, count) pair: sums of clips' sums are those of all of them together, however
many processes share the clips. Of synthetic people lips and emotions are read in the units of the
face (`metrics/motion.py`); of others in LivePortrait's lip keypoints.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from playmate_jax.metrics.lips import correlation
from playmate_jax.metrics.motion import emotion_offset, nearest_emotion, units_of
from playmate_jax.motion.layout import (
    ANGLES,
    EXPRESSION,
    EXPRESSION_SIZE,
    KEYPOINTS,
    LIP_KEYPOINTS,
)
from playmate_jax.motion.normalization import EXPRESSION_STD_FLOOR
from playmate_jax.synthetic.expression import LIPS, UNIT

Figures = dict[str, tuple[float, float]]


def compare_window(
    generated: Float[np.ndarray, "t 70"],
    true: Float[np.ndarray, "t 70"],
    other: Float[np.ndarray, "s 70"],
    synthetic: bool,
) -> Figures:
    """Lips and head of generated motion against the truth.

    Args:
      other: true motion of another clip: what lips that do not hear are worth.
      synthetic: whether the motion is that of the synthetic people's faces.

    Returns:
      correlation_<unit> of the five lip units, or correlation_lips; correlation_elsewhere of the
      jaw or the lips with the other clip; head_spread, std over time of pitch, yaw and roll against
      the true ones.
    """
    t = min(len(generated), len(other))
    spread, true_spread = (x[:, ANGLES].std(0).sum() for x in (generated, true))
    head = {"head_spread": (float(spread), float(true_spread))}
    if not synthetic:
        lips = {
            "correlation_lips": lip_correlation(generated, true),
            "correlation_elsewhere": lip_correlation(generated[:t], other[:t]),
        }
    else:
        made, truth = units_of(generated), units_of(true)
        lips = {f"correlation_{n}": correlation(made[:, UNIT[n]], truth[:, UNIT[n]]) for n in LIPS}
        jaw = UNIT["jaw"]
        lips["correlation_elsewhere"] = correlation(made[:t, jaw], units_of(other)[:t, jaw])
    return head | {name: (value, 1.0) for name, value in lips.items()}


def lip_correlation(generated: Float[np.ndarray, "t 70"], true: Float[np.ndarray, "t 70"]) -> float:
    """Mean correlation of the coordinates of LivePortrait's lip keypoints that move at all."""
    columns = np.arange(EXPRESSION_SIZE).reshape(KEYPOINTS, 3)[list(LIP_KEYPOINTS)].ravel()
    a, b = generated[:, EXPRESSION][:, columns], true[:, EXPRESSION][:, columns]
    moving = np.flatnonzero(b.std(0) > EXPRESSION_STD_FLOOR)
    return float(np.mean([correlation(a[:, i], b[:, i]) for i in moving])) if len(moving) else 0.0


def shown_emotion(
    generated: Float[np.ndarray, "t 70"],
    plain: Float[np.ndarray, "t 70"],
    asked: Float[np.ndarray, "t 8"],
) -> Figures:
    """Whether the emotion that is seen is the one asked for, on the faces of synthetic people.

    Args:
      plain: motion for the same speech and noise without emotion.
      asked: weights times intensity.

    Returns:
      emotion_accuracy: 1 where the nearest of the eight is the one asked for.
    """
    offset = emotion_offset(units_of(generated), units_of(plain))
    seen = nearest_emotion(offset, float(asked.sum(-1).mean()))
    return {"emotion_accuracy": (float(seen == int(asked.mean(0).argmax())), 1.0)}


def values(figures: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """The means; a figure of nothing is left out."""
    return {name: total / count for name, (total, count) in figures.items() if count}
