"""Clips of prepared data sets for stages 1 and 2, read by the Grain pipelines of data/.

Stands where a pool of arrays may stand (motion_clips.py). The position in the data travels in the
checkpoint, so a run resumes exactly on any number of hosts.
"""

import dataclasses
import functools
from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Float

from playmate_jax.data.batches import Batches, Loading
from playmate_jax.data.mixture import Part, mixture_statistics, open_mixture
from playmate_jax.data.motion_windows import KINDS, Windows, stage1, stage2
from playmate_jax.data.prepared import speech_of
from playmate_jax.errors import UserError
from playmate_jax.models.speech_encoders import SPEECH_ENCODERS
from playmate_jax.motion.layout import EXPRESSION
from playmate_jax.motion.normalization import Statistics

SAMPLE = 500  # clips that the spread of synthetic-face units is taken from


@dataclasses.dataclass(frozen=True)
class PreparedClips:
    """What "data/mine" or "data/a:0.7,data/b:0.3" names.

    Attributes:
      workers: processes that make batches; 0: threads of this one.
    """

    data: str
    workers: int = 0

    @functools.cached_property
    def statistics(self) -> Statistics:
        """Of the data sets together."""
        return mixture_statistics(self._parts(("motion", "features", "identity"))).normalization()

    @property
    def speech_size(self) -> int:
        """Numbers a frame of the speech features."""
        return len(self.statistics.speech_mean)

    @functools.cached_property
    def speech(self) -> str:
        """The encoder of the features, where the data tell one that generators are made with.

        Raises:
          UserError: they tell several.
        """
        told = {speech_of(part.records.folder) for part in self._parts(("features",))}
        known = sorted(name for name in told if name.partition("/")[0] in SPEECH_ENCODERS)
        if len(known) > 1:
            raise UserError(
                f"expected speech features of one encoder in {self.data}, found those of "
                f"{' and '.join(known)}: prepare all with the same --speech"
            )
        return known[0] if known else ""

    @property
    def expressions(self) -> Float[np.ndarray, "_ 63"]:
        """Every fifth frame of some clips, in their own units."""
        parts = self._parts(("motion",))
        clips = [p.records[n]["motion"] for p in parts for n in range(min(len(p.records), SAMPLE))]
        return np.concatenate([clip[::5, EXPRESSION] for clip in clips])

    def batches(
        self, statistics: Statistics, batch_size: int, windows: Windows, emotional: bool = False
    ) -> Callable[[int, int], Batches]:
        """For `Stage.batches`; `batch_size` is over all processes."""
        at = Loading(self.workers, jax.process_index(), jax.process_count())
        make = stage2 if emotional else stage1

        def batches(seed: int, start_step: int) -> Batches:
            made = make(
                self.data,
                batch_size,
                seed=seed,
                windows=windows,
                statistics=statistics,
                loading=at,
            )
            return made.start_at(start_step)

        return batches

    def _parts(self, fields: tuple[str, ...]) -> list[Part]:
        return open_mixture(self.data, "train", KINDS, fields)
