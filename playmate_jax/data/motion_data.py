"""Clips for stages 1 and 2: prepared data sets, or records in memory, as training takes them.

    data = MotionData("data/a:0.7,data/b:0.3", workers=4)
    data.statistics, data.speech                  # to normalise with; whose features they are
    batches = data.batches(data.statistics, batch_size=32, windows=Windows())
    batch = next(batches(seed=0, start_step=0))   # a `MotionBatch`

The position in the data travels in the checkpoint, so a run resumes exactly on any number of hosts.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from playmate_jax.data.batches import Batches, Loading
from playmate_jax.data.mixture import Data, Part, mixture_statistics, open_mixture
from playmate_jax.data.motion_batch import MotionBatch, Windows
from playmate_jax.data.motion_windows import FIELDS, KINDS, stage1, stage2
from playmate_jax.data.prepared import speech_of
from playmate_jax.data.record_source import Records, open_records, split_names
from playmate_jax.data.records import NO_EMOTION
from playmate_jax.errors import UserError
from playmate_jax.models.speech_encoders import SPEECH_ENCODERS
from playmate_jax.motion.layout import EXPRESSION
from playmate_jax.motion.normalization import Statistics

SAMPLE = 500  # clips of a data set whose expressions are looked at
HELD_OUT = "validation"  # the split that training is evaluated on
EVERY = 5  # frames of them: neighbours are alike


@dataclasses.dataclass(frozen=True)
class MotionData:
    """The clips that `data` names (data/mixture.py).

    Attributes:
      workers: processes that make batches; 0: threads of this one.
    """

    data: Data
    workers: int = 0

    @functools.cached_property
    def statistics(self) -> Statistics:
        """Means and stds of the "train" splits of all data sets together.

        Raises:
          UserError: no such data, or features of different sizes.
        """
        return mixture_statistics(self._parts("motion", "features", "identity")).normalization()

    @property
    def speech_size(self) -> int:
        """Speech feature dimension, the f of (t, f)."""
        return len(self.statistics.speech_mean)

    @functools.cached_property
    def speech(self) -> str:
        """The encoder of the features ("wav2vec2", "hubert/9", "log_mel"); "" where the data do not
        name one that generators are made with.

        Raises:
          UserError: they name several.
        """
        named = {
            speech_of(part.records.folder)
            for part in self._parts("features")
            if isinstance(part.records, Records)
        }
        known = sorted(name for name in named if name.partition("/")[0] in SPEECH_ENCODERS)
        if len(known) > 1:
            raise UserError(
                f"expected speech features of one encoder in {self.data}, found those of "
                f"{' and '.join(known)}: prepare all with the same --speech"
            )
        return known[0] if known else ""

    @property
    def expressions(self) -> Float[np.ndarray, "n 63"]:
        """Expression deltas of every fifth frame of some clips, in head units."""
        parts = self._parts("motion")
        clips = [p.records[n]["motion"] for p in parts for n in range(min(len(p.records), SAMPLE))]
        return np.concatenate([clip[::EVERY, EXPRESSION] for clip in clips])

    def batches(
        self, statistics: Statistics, batch_size: int, windows: Windows, emotional: bool = False
    ) -> Callable[[int, int], Batches[MotionBatch]]:
        """(seed, start_step) -> endless batches, as a stage takes them.

        Args:
          batch_size: over all processes.
          emotional: only clips whose emotion is labelled.
        """
        at = Loading(self.workers, jax.process_index(), jax.process_count())
        make = stage2 if emotional else stage1

        def batches(seed: int, start_step: int) -> Batches[MotionBatch]:
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

    def held_out(self, count: int, emotional: bool = False) -> list[Mapping[str, Any]]:
        """`count` records of the validation splits, or all of them where there are fewer: evenly
        spread and always the same ones. Records in memory have no splits, so none.

        Args:
          emotional: only clips whose emotion is labelled.
        """
        found: list[tuple[Records, int]] = []
        for part in self._parts("motion"):
            if isinstance(part.records, Records) and HELD_OUT in split_names(part.records.folder):
                records = open_records(part.records.folder, HELD_OUT, KINDS)
                records.fields = tuple(name for name in FIELDS if name in records.features)
                labels = records.index["emotion"]
                found += [(records, n) for n, label in enumerate(labels)
                          if label != NO_EMOTION or not emotional]  # fmt: skip
        chosen = np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int)
        return [records[number] for records, number in (found[n] for n in chosen)]

    def _parts(self, *fields: str) -> list[Part]:
        return open_mixture(self.data, "train", KINDS, fields)
