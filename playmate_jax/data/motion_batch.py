"""A window of a clip as an example for stages 1 and 2, and the batch that examples make."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NotRequired, TypedDict

import numpy as np
from jaxtyping import Bool, Float, Float32, Int16

from playmate_jax.data.batches import Leaf
from playmate_jax.data.records import NO_EMOTION
from playmate_jax.motion.layout import EMOTIONS, SAMPLES_PER_FRAME
from playmate_jax.motion.normalization import Statistics, normalize
from playmate_jax.motion.windows import Window, WindowConfig, random_start, window_at

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
        """Features (b, t, f) with the noise that training adds to them."""
        return speech if self.speech_noise is None else self.speech_noise(rng, speech)


@dataclasses.dataclass(frozen=True)
class Cut:
    """Cuts a random window out of a record and normalises it: one row of a `MotionBatch`."""

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
    """int16 samples of a window that begins at frame `start` of a clip; silence outside it."""
    sound = np.zeros(len(window.rows) * SAMPLES_PER_FRAME, np.int16)
    begin = start * SAMPLES_PER_FRAME
    first, last = max(begin, 0), min(begin + len(sound), len(audio))
    sound[first - begin : last - begin] = audio[first:last]
    return sound
