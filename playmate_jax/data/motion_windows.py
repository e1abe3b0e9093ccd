"""Batches for stages 1 and 2: windows of 100 frames and the 10 before them, with their speech.

    batches = stage1("data/mine", batch_size=32)
    batch = next(batches)                # a `MotionBatch`

An epoch visits every clip once per 100 frames that it has, each time at a random place.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NotRequired, TypedDict

import grain
import numpy as np
from jaxtyping import Bool, Float, Float32, Int16

from playmate_jax.data.batches import (
    ALONE,
    Batches,
    Leaf,
    Loading,
    endless,
    fingerprint,
    seeds,
)
from playmate_jax.data.mixture import Data, Part, mixture_statistics, open_mixture
from playmate_jax.data.records import NO_EMOTION
from playmate_jax.errors import UserError
from playmate_jax.models.speech import SAMPLES_PER_FRAME
from playmate_jax.motion.layout import EMOTIONS
from playmate_jax.motion.normalization import Statistics, normalize
from playmate_jax.motion.windows import Window, WindowConfig, random_start, window_at

KINDS = ("talking_clips", "drawn_faces")
FIELDS = ("motion", "features", "identity", "emotion", "intensity", "truth")
Noise = Callable[[np.random.Generator, np.ndarray], np.ndarray]


class MotionBatch(TypedDict):
    """What stages 1 and 2 train on: b windows of t frames at 25 fps, each after p previous frames.

    motion: 63 expression numbers in std of the set (Eq. 5), then scale, translation and angles in
      std of poses around the clip's own mean (Eq. 6).
    previous_motion: the same of the previous frames.
    speech: features of the encoder for all p + t frames, in std of the set.
    identity: 21 canonical keypoints, in std of the set.
    emotion: weights of the eight emotions times intensity, 0 to 1; zeros where none is labelled.
    valid: False past the clip's end, where the last frame repeats.
    has_previous: False in a clip's first window, where the first frame repeats.
    audio: sound of all p + t frames at 16 kHz, silence outside the clip; only where asked for.
    """

    motion: Float32[Leaf, "b t 70"]
    previous_motion: Float32[Leaf, "b p 70"]
    speech: Float32[Leaf, "b p+t f"]
    identity: Float32[Leaf, "b 63"]
    emotion: Float32[Leaf, "b p+t 8"]
    valid: Bool[Leaf, "b t"]
    has_previous: Bool[Leaf, " b"]
    audio: NotRequired[Int16[Leaf, "b 640*(p+t)"]]


@dataclasses.dataclass(frozen=True)
class Windows:
    """How windows are cut from clips.

    Attributes:
      first: share of windows at a clip's start, where nothing came before.
      identity_noise: std of the noise on the normalised identity: M's estimate is not the truth.
      speech_noise: applied to the features (b, t, f).
      audio: whether the sound comes along.
    """

    window: WindowConfig = WindowConfig()
    first: float = 0.15
    identity_noise: float = 0.0
    speech_noise: Noise | None = None
    audio: bool = False

    def add_noise(self, rng: np.random.Generator, speech: np.ndarray) -> np.ndarray:
        """Features (b, t, f) as the networks are to hear them."""
        return speech if self.speech_noise is None else self.speech_noise(rng, speech)


def stage1(
    data: Data,
    batch_size: int,
    *,
    seed: int = 0,
    split: str = "train",
    windows: Windows = Windows(),
    statistics: Statistics | None = None,
    loading: Loading = ALONE,
) -> Batches[MotionBatch]:
    """Endless batches for learning motion from speech.

    Args:
      data: a prepared folder, a mixture of them, or records in memory (data/mixture.py).
      batch_size: over all processes.
      statistics: to normalise with; None: those of the data.

    Raises:
      UserError: no such data, or none that will do.
    """
    return _batches(data, batch_size, seed, split, windows, statistics, loading, labelled=False)


def stage2(
    data: Data,
    batch_size: int,
    *,
    seed: int = 0,
    split: str = "train",
    windows: Windows = Windows(),
    statistics: Statistics | None = None,
    loading: Loading = ALONE,
) -> Batches[MotionBatch]:
    """As `stage1`, of clips whose emotion is labelled."""
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
    """How often an epoch visits each record of a data set; never one that will not do."""
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
    """The endless stream of one data set's windows."""
    order, place = seeds(seed, 2)
    return (
        endless(grain.MapDataset.source(np.repeat(np.arange(len(visits)), visits)).shuffle(order))
        .map(Read(part.records))
        .random_map(Cut(windows, statistics), seed=place)
    )


@dataclasses.dataclass(frozen=True)
class Read:
    """A record by its number."""

    records: Any

    def __call__(self, number: np.integer) -> Mapping[str, Any]:
        return self.records[int(number)]


@dataclasses.dataclass(frozen=True)
class Cut:
    """A random window of a record, as an example."""

    windows: Windows
    statistics: Statistics

    def __call__(self, record: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
        how, n_frames = self.windows, min(len(record["motion"]), len(record["features"]))
        # Pose is normalised by whole clips (Eq. 6), so before windows are cut.
        motion = normalize(record["motion"], self.statistics.motion)
        start = random_start(rng, n_frames, how.window, how.first)
        window = window_at(start, n_frames, how.window)
        speech = how.add_noise(rng, record["features"][window.rows].astype(np.float32)[None])[0]
        identity = self.statistics.normalized_identity(record["identity"])
        noise = how.identity_noise * rng.standard_normal(len(identity))
        example = {
            "motion": motion[window.rows][how.window.previous :],
            "previous_motion": motion[window.rows][: how.window.previous],
            "speech": self.statistics.normalized_speech(speech),
            "identity": (identity + noise).astype(np.float32),
            "emotion": emotions_of(record, n_frames)[window.rows],
            "valid": window.valid,
            "has_previous": np.bool_(window.has_previous),
        }
        if how.audio:
            example["audio"] = sound_of(record["audio"], start - how.window.previous, window)
        return example


def emotions_of(record: Mapping[str, Any], n_frames: int) -> Float[np.ndarray, "t 8"]:
    """Weights of the 8 emotions times intensity at each frame of a record; zeros where nothing is
    labelled. Records of synthetic people carry them ("truth/emotions"); of others the label holds
    for the whole clip."""
    if "truth" in record:
        return record["truth"]["emotions"][:n_frames].astype(np.float32)
    label = int(record["emotion"])
    weights = np.zeros((n_frames, len(EMOTIONS)), np.float32)
    if label != NO_EMOTION:
        weights[:, label] = record["intensity"]
    return weights


def sound_of(audio: np.ndarray, start: int, window: Window) -> np.ndarray:
    """The samples of a window that begins at frame `start`; silence outside the clip."""
    sound = np.zeros(len(window.rows) * SAMPLES_PER_FRAME, np.int16)
    begin = start * SAMPLES_PER_FRAME
    first, last = max(begin, 0), min(begin + len(sound), len(audio))
    sound[first - begin : last - begin] = audio[first:last]
    return sound


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
    """Of every number of the statistics."""
    tree = statistics.to_tree()
    leaves = [*tree.pop("motion").values(), *tree.values()]
    return fingerprint([np.asarray(leaf, np.float32).tobytes().hex() for leaf in leaves])
