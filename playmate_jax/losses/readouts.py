"""Linear readouts of the expression: what of the 63 numbers viewers watch, in its own units.

Lips that meet for two frames are small in delta and the first thing one sees, so the motion loss
may count the error of a few readings of it apart. A reading is a matrix (63, r) of a face space's
delta, by name; a configuration names readings and their weights, and `readout` turns them into the
matrix that the loss multiplies with. The configuration stays a table of names, in cards too.
"""

import dataclasses
from collections.abc import Callable, Mapping

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from playmate_jax.errors import UserError, nearest
from playmate_jax.motion.layout import EXPRESSION_SIZE, EYE_KEYPOINTS, KEYPOINTS, LIP_KEYPOINTS
from playmate_jax.motion.normalization import EXPRESSION_STD_FLOOR, MotionStatistics
from playmate_jax.synthetic.expression import PINV, UNIT

Reading = Float[np.ndarray, "63 _"]


@dataclasses.dataclass(frozen=True)
class ReadoutConfig:
    """Which readings of the expression count, and how much.

    Attributes:
      face_space: whose delta it is: "liveportrait" (readings "lips" and "eyes": the coordinates of
        its lip and eye keypoints) or "synthetic_faces" (the 18 units of synthetic/expression.py).
      weights: (name of a reading, weight), each against one std of the reading over the clips.
      event: the reading that is 0 at rest and 1 in a rare event, such as "close": lips that meet;
        "": none.
    """

    face_space: str = "liveportrait"
    weights: tuple[tuple[str, float], ...] = (("lips", 1.0), ("eyes", 0.5))
    event: str = ""


@dataclasses.dataclass(frozen=True)
class Readout:
    """Linear readouts of normalised expression, each of about unit error where it is bad.

    Attributes:
      matrix: columns are readings, times their weights.
      event, event_at_rest: a readout and its constant: 0 at rest, 1 in a rare event.
    """

    matrix: Float[np.ndarray, "63 r"]
    event: Float[np.ndarray, " 63"]
    event_at_rest: float

    def frame_weights(
        self, expression: Float[Array, "b t 63"], event_weight: float
    ) -> Float[Array, "b t 1"]:
        """What each frame of normalised expression counts: 1 at rest, 1 + `event_weight` in the
        event."""
        event = expression @ jnp.asarray(self.event) + self.event_at_rest
        return 1 + event_weight * jnp.clip(event, 0, 1)[..., None]


def readout(
    config: ReadoutConfig,
    statistics: MotionStatistics,
    expressions: Float[np.ndarray, "n 63"],
) -> Readout:
    """The readings that `config` names, each divided by its std (floored) over `expressions` and
    times its weight.

    Args:
      statistics: what the expression is normalised with (Eq. 5).
      expressions: deltas of the training set, in head units.

    Raises:
      UserError: an unknown face space or reading.
    """
    names = _readings(config.face_space)
    chosen = [(_named(names, name, config.face_space), weight) for name, weight in config.weights]
    matrix = np.concatenate([reading for reading, _ in chosen], 1)
    weights = np.concatenate([np.full(reading.shape[1], weight) for reading, weight in chosen])
    spread = np.maximum((expressions @ matrix).std(0), EXPRESSION_STD_FLOOR)
    mean, std = (np.asarray(s) for s in (statistics.expression_mean, statistics.expression_std))
    event = np.zeros(EXPRESSION_SIZE, np.float32)
    if config.event:
        event = _named(names, config.event, config.face_space).sum(1)
    return Readout(
        matrix=(std[:, None] * matrix * weights / spread).astype(np.float32),
        event=(std * event).astype(np.float32),
        event_at_rest=float(mean @ event),
    )


def _liveportrait() -> dict[str, Reading]:
    """Coordinates of its groups of keypoints (motion/layout.py)."""
    groups = {"lips": LIP_KEYPOINTS, "eyes": EYE_KEYPOINTS}
    every = np.eye(EXPRESSION_SIZE, dtype=np.float32).reshape(EXPRESSION_SIZE, KEYPOINTS, 3)
    return {
        name: every[:, list(group)].reshape(EXPRESSION_SIZE, -1) for name, group in groups.items()
    }


def _synthetic_faces() -> dict[str, Reading]:
    """The units that explain delta best (least squares)."""
    return {name: PINV[:, [n]] for name, n in UNIT.items()}


FACE_SPACES: Mapping[str, Callable[[], dict[str, Reading]]] = {
    "liveportrait": _liveportrait,
    "synthetic_faces": _synthetic_faces,
}


def _readings(face_space: str) -> dict[str, Reading]:
    if face_space not in FACE_SPACES:
        raise UserError(
            f"expected a face space out of {', '.join(FACE_SPACES)}, found "
            f"'{face_space}'{nearest(face_space, FACE_SPACES)}"
        )
    return FACE_SPACES[face_space]()


def _named(readings: dict[str, Reading], name: str, face_space: str) -> Reading:
    if name not in readings:
        raise UserError(
            f"expected readings of {face_space} out of {', '.join(readings)}, found "
            f"'{name}'{nearest(name, readings)}"
        )
    return readings[name]
