"""Clips for stages 1 and 2: a prepared data set, or a pool on disk, cut into batches of windows.

A pool is a folder of arrays with the clip as leading axis (synthetic/clips.py writes one; real
data in the same names works too): features (n, t, f), motion (n, t, 70), identity (n, 63), emotion
(n, t, 8). Batch number n depends on (seed, n) alone.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from playmate_jax.data.mixture import names_data_set
from playmate_jax.data.motion_windows import Windows
from playmate_jax.errors import UserError
from playmate_jax.motion.layout import EMOTIONS, EXPRESSION, EXPRESSION_SIZE
from playmate_jax.motion.moments import Moments
from playmate_jax.motion.normalization import Statistics, motion_statistics, normalize
from playmate_jax.motion.windows import WindowConfig, random_start, window_at
from playmate_jax.training.prepared_clips import PreparedClips

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

    @property
    def speech_size(self) -> int:
        """Numbers a frame of the speech features."""
        return self.features.shape[-1]

    @property
    def speech(self) -> str:
        """The encoder of the features: a pool does not tell."""
        return ""

    @property
    def expressions(self) -> Float[np.ndarray, "_ 63"]:
        """Every fifth frame, in its own units."""
        return self.motion[:, ::5, EXPRESSION].reshape(-1, EXPRESSION_SIZE)

    @property
    def statistics(self) -> Statistics:
        """Of all clips."""
        return clip_statistics(self)

    def batches(
        self, statistics: Statistics, batch_size: int, windows: Windows, emotional: bool = False
    ) -> "WindowBatches":
        """For `Stage.batches`. Every clip of a pool tells its emotion."""
        return WindowBatches(self, statistics, batch_size, windows)

    def part(self, rows: slice) -> "Clips":
        """Some of the clips."""
        return Clips(*(getattr(self, name)[rows] for name in ARRAYS))


def open_clips(folders: str, workers: int = 0) -> Clips | PreparedClips:
    """The clips of a prepared data set or of a pool, or of several joined by commas.

    Raises:
      UserError: a folder without either.
    """
    if names_data_set(folders):
        return PreparedClips(folders, workers)
    pools = []
    for folder in folders.split(","):
        missing = [name for name in ARRAYS if not (Path(folder) / f"{name}.npy").is_file()]
        if missing:
            raise UserError(
                f"expected a prepared data set or a pool of clips in '{folder}', found no "
                f"{', '.join(missing)}: make one with `playmate prepare`, or those of the demo "
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


def training_windows(window: WindowConfig, speech_noise: SpeechNoise) -> Windows:
    """How training cuts them: M's estimate of an identity is not the truth, so that is noised."""
    return Windows(window, identity_noise=0.2, speech_noise=speech_noise)


@dataclasses.dataclass(frozen=True)
class WindowBatches:
    """Batches of training windows of a pool: an iterator factory for `Stage.batches`."""

    clips: Clips
    statistics: Statistics
    batch_size: int
    windows: Windows

    def __call__(self, seed: int, start_step: int) -> Iterator[dict[str, np.ndarray]]:
        # Pose is normalised by whole clips (Eq. 6), so before windows are cut.
        motion = normalize(self.clips.motion, self.statistics.motion).astype(np.float32)
        identity = self.statistics.normalized_identity(self.clips.identity)
        step = start_step
        while True:
            yield self._batch(np.random.default_rng((seed, step)), motion, identity)
            step += 1

    def _batch(self, rng, motion, identity):
        (n_clips, n_frames), how = motion.shape[:2], self.windows
        which = rng.integers(n_clips, size=self.batch_size)
        windows = [
            window_at(random_start(rng, n_frames, how.window, how.first), n_frames, how.window)
            for _ in which
        ]
        rows = np.stack([window.rows for window in windows])
        own = which[:, None]
        features = self.clips.features[own, rows].astype(np.float32)
        cut, p = motion[own, rows], how.window.previous
        noise = rng.standard_normal((self.batch_size, identity.shape[1]))
        return {
            "motion": cut[:, p:],
            "previous_motion": cut[:, :p],
            "speech": self.statistics.normalized_speech(how.add_noise(rng, features)),
            "identity": (identity[which] + how.identity_noise * noise).astype(np.float32),
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
