"""What normalisation must know of a training set, measured clip by clip and put together.

Every clip is measured where it is prepared (`SetStatistics.of`), the parts are merged in the order
of the records, and the result lies beside them in statistics.json, one entry a split: no second
pass over the data, and the same bits however the work was shared out. Training takes "train".
"""

import dataclasses
import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.data.records import Clip
from playmate_jax.errors import UserError
from playmate_jax.motion.layout import EXPRESSION
from playmate_jax.motion.moments import Moments
from playmate_jax.motion.normalization import Statistics, clip_pose_statistics, motion_statistics_of

STATISTICS_FILE = "statistics.json"


@dataclasses.dataclass(frozen=True)
class SetStatistics:
    """Moments of a set of clips.

    Attributes:
      expression: over all frames (Eq. 5).
      pose_std: over clips, of each clip's own std of the pose (Eq. 6), floored.
      speech: of the speech features, over all frames.
      identity: over clips.
    """

    expression: Moments
    pose_std: Moments
    speech: Moments
    identity: Moments

    @classmethod
    def of(cls, clip: Clip) -> "SetStatistics":
        """Of one clip.

        Raises:
          UserError: the clip has numbers that are not finite, or no frame.
        """
        return cls.of_arrays(clip.motion, clip.features, clip.identity, clip.id)

    @classmethod
    def of_arrays(
        cls,
        motion: Float[np.ndarray, "t 70"],
        features: Float[np.ndarray, "t f"],
        identity: Float[np.ndarray, " i"],
        name: str = "a clip",
    ) -> "SetStatistics":
        """Of one clip's arrays; `name` is for the error."""
        arrays = (motion, features, identity)
        if not len(motion) or not all(np.isfinite(array).all() for array in arrays):
            raise UserError(
                f"expected frames of finite numbers in {name}, found "
                f"{'NaN or infinity' if len(motion) else 'none'}: prepare it again"
            )
        return cls(
            expression=Moments.of(motion[:, EXPRESSION]),
            pose_std=Moments.of(clip_pose_statistics(motion)[1][None]),
            speech=Moments.of(features),
            identity=Moments.of(identity[None]),
        )

    @classmethod
    def merged(cls, parts: Iterable["SetStatistics"]) -> "SetStatistics":
        """Of all parts together, joined from first to last."""
        return functools.reduce(cls.merge, parts)

    def merge(self, other: "SetStatistics") -> "SetStatistics":
        """Of both sets together.

        Raises:
          UserError: their speech features are of different sizes.
        """
        sizes = len(self.speech.mean), len(other.speech.mean)
        if sizes[0] != sizes[1]:
            raise UserError(
                f"expected speech features of one size, found {sizes[0]} and {sizes[1]}: prepare "
                "both sets with the same speech encoder"
            )
        return SetStatistics(*(getattr(self, n).merge(getattr(other, n)) for n in _PARTS))

    @property
    def clips(self) -> int:
        """How many clips were measured."""
        return self.identity.count

    @property
    def frames(self) -> int:
        """How many frames they have."""
        return self.expression.count

    def normalization(self) -> Statistics:
        """What the networks' inputs and outputs are normalised with; stds are floored."""
        return Statistics.of(
            motion_statistics_of(self.expression, self.pose_std), self.speech, self.identity
        )

    def to_json(self) -> dict[str, Any]:
        """Plain numbers; `from_json` gives back the same bits."""
        return {name: getattr(self, name).to_json() for name in _PARTS}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "SetStatistics":
        """Statistics from what `to_json` gave, to the same bits."""
        return cls(**{name: Moments.from_json(part) for name, part in values.items()})


_PARTS = tuple(field.name for field in dataclasses.fields(SetStatistics))


def statistics_text(splits: Mapping[str, SetStatistics]) -> str:
    """What statistics.json says, a split a line: the same statistics give the same text."""
    lines = [f"{json.dumps(name)}: {json.dumps(splits[name].to_json())}" for name in sorted(splits)]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read_statistics(folder: str | Path) -> dict[str, SetStatistics]:
    """The statistics of a data set's splits; empty where the folder has no statistics.json.

    Raises:
      UserError: the file is not one that `statistics_text` wrote.
    """
    path = Path(folder) / STATISTICS_FILE
    if not path.is_file():
        return {}
    try:
        splits = json.loads(path.read_text(encoding="utf-8"))
        return {name: SetStatistics.from_json(values) for name, values in splits.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"expected the statistics of a data set in {path}, found something else ({error}): "
            "delete the file, and they are measured anew"
        ) from error
