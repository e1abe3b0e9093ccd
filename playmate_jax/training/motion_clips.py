"""Clips for stages 1 and 2: opened from a pool on disk, normalised, cut into batches of windows.

A pool is a folder of arrays with the clip as leading axis (data/drawn/clips.py writes one; real
data in the same names works too): features (n, t, f), motion (n, t, 70), identity (n, 63), emotion
(n, t, 8). Batch number n depends on (seed, n) alone.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.motion.layout import EMOTIONS
from playmate_jax.motion.moments import Moments
from playmate_jax.motion.normalization import Statistics, motion_statistics, normalize
from playmate_jax.motion.windows import WindowConfig, random_start, window_at

ARRAYS = ("features", "motion", "identity", "emotion")


@dataclasses.dataclass(frozen=True)
class Clips:
    """Clips of one length, in their own units."""

    features: Float[np.ndarray, "n t f"]
    motion: Float[np.ndarray, "n t 70"]
    identity: Float[np.ndarray, "n i"]
    emotion: Float[np.ndarray, "n t 8"]

    def __len__(self) -> int:
        return len(self.motion)

    def part(self, rows: slice) -> "Clips":
        """Some of the clips."""
        return Clips(*(getattr(self, name)[rows] for name in ARRAYS))


def open_clips(folders: str) -> Clips:
    """The clips of one pool, or of several joined by commas.

    Raises:
      UserError: a folder without these arrays.
    """
    pools = []
    for folder in folders.split(","):
        missing = [name for name in ARRAYS if not (Path(folder) / f"{name}.npy").is_file()]
        if missing:
            raise UserError(
                f"expected a pool of clips in '{folder}', found no {', '.join(missing)}: make one "
                "with `python -m playmate_jax.training.demo_pools`"
            )
        pools.append([np.load(Path(folder) / f"{name}.npy") for name in ARRAYS])
    length = min(pool[1].shape[1] for pool in pools)
    joined = []
    for name, parts in zip(ARRAYS, zip(*pools)):
        joined.append(
            np.concatenate([part if name == "identity" else part[:, :length] for part in parts])
        )
    return Clips(*joined)


def clip_statistics(clips: Clips) -> Statistics:
    """Means and stds of a training set; stds are floored."""
    features = clips.features.reshape(-1, clips.features.shape[-1])
    sample = features[:: max(1, len(features) // 200_000)]
    return Statistics.of(
        motion_statistics(clips.motion), Moments.of(sample), Moments.of(clips.identity)
    )


@dataclasses.dataclass(frozen=True)
class SpeechNoise:
    """White noise on the speech features of some windows: real voices differ in more than drawn
    ones do.

    Attributes:
      largest: std at most, as a share of the features' own; each window draws its own.
      share: of windows that are noised at all.
    """

    largest: float = 0.0
    share: float = 0.7

    def __call__(
        self, rng: np.random.Generator, speech: Float[np.ndarray, "b t f"]
    ) -> Float[np.ndarray, "b t f"]:
        if not self.largest:
            return speech
        chosen = rng.random(len(speech)) < self.share
        level = (rng.uniform(0, self.largest, size=len(speech)) * chosen).astype(np.float32)
        noise = rng.standard_normal(speech.shape, np.float32)
        return speech + level[:, None, None] * speech.std() * noise


@dataclasses.dataclass(frozen=True)
class WindowBatches:
    """Batches of training windows: an iterator factory for `Stage.batches`.

    Attributes:
      identity_noise: std of the noise on the normalised identity: M's estimate is not the truth.
      first: share of windows at a clip's start, where nothing came before.
    """

    clips: Clips
    statistics: Statistics
    batch_size: int
    window: WindowConfig = WindowConfig()
    identity_noise: float = 0.2
    first: float = 0.15
    speech_noise: SpeechNoise = SpeechNoise()

    def __call__(self, seed: int, start_step: int) -> Iterator[dict[str, np.ndarray]]:
        # Pose is normalised by whole clips (Eq. 6), so before windows are cut.
        motion = normalize(self.clips.motion, self.statistics.motion).astype(np.float32)
        identity = self.statistics.normalized_identity(self.clips.identity)
        step = start_step
        while True:
            yield self._batch(np.random.default_rng((seed, step)), motion, identity)
            step += 1

    def _batch(self, rng, motion, identity):
        n_clips, n_frames = motion.shape[:2]
        which = rng.integers(n_clips, size=self.batch_size)
        windows = [
            window_at(random_start(rng, n_frames, self.window, self.first), n_frames, self.window)
            for _ in which
        ]
        rows = np.stack([window.rows for window in windows])
        own = which[:, None]
        features = self.clips.features[own, rows].astype(np.float32)
        cut, p = motion[own, rows], self.window.previous
        noise = rng.standard_normal((self.batch_size, identity.shape[1]))
        return {
            "motion": cut[:, p:],
            "previous_motion": cut[:, :p],
            "speech": self.statistics.normalized_speech(self.speech_noise(rng, features)),
            "identity": (identity[which] + self.identity_noise * noise).astype(np.float32),
            "emotion": self.clips.emotion[own, rows].astype(np.float32),
            "valid": np.stack([window.valid for window in windows]),
            "has_previous": np.array([window.has_previous for window in windows]),
        }


def random_clips(seed: int, n: int = 6, frames: int = 150, features: int = 8) -> Clips:
    """Smooth random clips of the right shapes: what tests and dry runs train on."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.standard_normal((n, frames, 70)), 1) * 0.02
    emotion = np.eye(len(EMOTIONS))[rng.integers(len(EMOTIONS), size=n)][:, None]
    return Clips(
        features=rng.standard_normal((n, frames, features)).astype(np.float16),
        motion=walk.astype(np.float32),
        identity=rng.standard_normal((n, 63)).astype(np.float32),
        emotion=np.broadcast_to(emotion, (n, frames, len(EMOTIONS))).astype(np.float32),
    )
