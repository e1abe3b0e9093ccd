"""Batches for stages 1 and 2: windows of 100 frames and the 10 before them, with their speech.

    batches = stage1("data/mine", batch_size=32)
    batch = next(batches)                # a `MotionBatch`

An epoch visits every clip once per 100 frames that it has, each time at a random place.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import grain
import numpy as np

from playmate_jax.data.batches import ALONE, Batches, Loading, endless, fingerprint, seeds
from playmate_jax.data.mixture import Data, Part, mixture_statistics, open_mixture
from playmate_jax.data.motion_batch import Cut, MotionBatch, Windows
from playmate_jax.data.records import NO_EMOTION
from playmate_jax.errors import UserError
from playmate_jax.motion.normalization import Statistics

KINDS = ("talking_clips", "drawn_faces")
FIELDS = ("motion", "features", "identity", "emotion", "intensity", "truth")
PLAIN = Windows()  # without noise or sound


def stage1(
    data: Data,
    batch_size: int,
    *,
    seed: int = 0,
    split: str = "train",
    windows: Windows = PLAIN,
    statistics: Statistics | None = None,
    loading: Loading = ALONE,
) -> Batches[MotionBatch]:
    """Endless batches for learning motion from speech.

    Args:
      data: a prepared folder, a mixture of them, or records in memory (data/mixture.py).
      batch_size: over all processes.
      statistics: to normalise with; None: those of the data.

    Raises:
      UserError: no such data, or none that fits.
    """
    return _batches(data, batch_size, seed, split, windows, statistics, loading, labelled=False)


def stage2(
    data: Data,
    batch_size: int,
    *,
    seed: int = 0,
    split: str = "train",
    windows: Windows = PLAIN,
    statistics: Statistics | None = None,
    loading: Loading = ALONE,
) -> Batches[MotionBatch]:
    """Endless batches for learning emotion: as `stage1`, of clips whose emotion is labelled."""
    return _batches(data, batch_size, seed, split, windows, statistics, loading, labelled=True)


def _batches(
    data, batch_size, seed, split, windows, statistics, loading, labelled
) -> Batches[MotionBatch]:
    parts = open_mixture(data, split, KINDS, (*FIELDS, *(["audio"] if windows.audio else [])))
    used = statistics or mixture_statistics(parts).normalization()
    for part in parts:
        _check_speech(part, used)
    visits = [visits_of(part, windows, labelled) for part in parts]
    streams = [
        windows_of(part, windows, used, often, s)
        for part, often, s in zip(parts, visits, seeds(seed, len(parts)), strict=True)
    ]
    shares = [float(v.sum()) if p.weight is None else p.weight for p, v in zip(parts, visits)]
    examples = streams[0] if len(streams) == 1 else grain.MapDataset.mix(streams, shares)
    about = {
        "seed": seed,
        "data": fingerprint([part.fingerprint() for part in parts], shares),
        "windows": fingerprint(repr(windows), labelled, _digits(used)),
    }
    return Batches(examples, batch_size, about, loading=loading, statistics=used)


def visits_of(part: Part, windows: Windows, labelled: bool) -> np.ndarray:
    """How often an epoch visits each of n records, (n,): once per window that fits in it, never one
    without motion, or without a label where `labelled`.

    Raises:
      UserError: there is none to visit.
    """
    frames = np.asarray(part.index.get("frames", ()), int)
    emotions = np.asarray(part.index.get("emotion", ()), int)
    usable = (frames > 0) & ((emotions != NO_EMOTION) | (not labelled))
    if not usable.any():
        kind = "a labelled emotion" if labelled else "motion"
        raise UserError(f"expected clips with {kind}, found none of {len(frames)}: prepare others")
    return np.where(usable, -(-frames // windows.window.length), 0)


def windows_of(
    part: Part, windows: Windows, statistics: Statistics, visits: np.ndarray, seed: int
) -> grain.MapDataset:
    """The endless stream of one data set's windows, record n visited `visits[n]` times an epoch."""
    order, place = seeds(seed, 2)
    return (
        endless(grain.MapDataset.source(np.repeat(np.arange(len(visits)), visits)).shuffle(order))
        .map(Read(part.records))
        .random_map(Cut(windows, statistics), seed=place)
    )


@dataclasses.dataclass(frozen=True)
class Read:
    """Reads a record of a data set by its number."""

    records: Any

    def __call__(self, number: np.integer) -> Mapping[str, Any]:
        return self.records[int(number)]


def _check_speech(part: Part, statistics: Statistics) -> None:
    if not len(part.records):
        return
    found, wanted = part.records[0]["features"].shape[-1], len(statistics.speech_mean)
    if found != wanted:
        raise UserError(
            f"expected speech features of {wanted} numbers a frame, found {found}: prepare the "
            "data with the speech encoder that the model takes"
        )


def _digits(statistics: Statistics) -> str:
    """A short hash of all values of the statistics."""
    tree = statistics.to_tree()
    leaves = [*tree.pop("motion").values(), *tree.values()]
    return fingerprint([np.asarray(leaf, np.float32).tobytes().hex() for leaf in leaves])
