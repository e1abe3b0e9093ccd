"""Windows: long motion in pieces of 100 frames, each conditioned on 10 frames before it (appendix
A.2).

A window covers the frames [start, start + 100); its conditions (speech, previous motion) start 10
frames earlier. Frames before the clip's start and after its end repeat the edge frame and are
masked: the first window has no previous motion, and the frames of the last one that lie past the
clip's end do not enter the loss.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclasses.dataclass(frozen=True)
class WindowConfig:
    """Frames of a window, and previous frames that it is conditioned on, at 25 fps."""

    length: int = 100
    previous: int = 10

    @property
    def total(self) -> int:
        """Frames that the generator processes at a time: the previous ones and the window's."""
        return self.previous + self.length


class Window(NamedTuple):
    """The frames of a clip that make up one window.

    Attributes:
      rows: (previous + length,) indices into the clip, edges repeated.
      valid: (length,) False where the window runs past the clip's end.
      has_previous: whether the previous frames exist.
    """

    rows: Int[np.ndarray, " pt"]
    valid: Bool[np.ndarray, " t"]
    has_previous: bool


def window_at(start: int, n_frames: int, config: WindowConfig = WindowConfig()) -> Window:
    """The window at frames [start, start + length) of a clip of `n_frames` frames."""
    frames = np.arange(start - config.previous, start + config.length)
    return Window(
        rows=np.clip(frames, 0, n_frames - 1),
        valid=(frames >= 0)[config.previous :] & (frames < n_frames)[config.previous :],
        has_previous=start >= config.previous,
    )


def window_starts(
    n_frames: int, config: WindowConfig = WindowConfig(), lookahead: int = 0
) -> list[int]:
    """First frames of consecutive windows that cover a clip.

    Args:
      lookahead: frames at the end of each window that are discarded and generated again by the next
        window, so that every frame kept was conditioned on at least that many frames of speech
        after it.

    Raises:
      ValueError: fewer frames than a window's previous ones would be kept.
    """
    hop = config.length - lookahead
    if hop < config.previous:
        raise ValueError(f"lookahead {lookahead} leaves {hop} frames, under {config.previous}")
    return list(range(0, max(n_frames - lookahead, 1), hop))


def random_start(
    rng: np.random.Generator,
    n_frames: int,
    config: WindowConfig = WindowConfig(),
    first: float = 0.15,
) -> int:
    """The first frame of a random training window.

    With probability `first` it is 0, else any frame that has enough previous frames. A tenth of a
    window may lie past the clip's end, as it does in the last window of a generated clip; of a clip
    of less than almost two windows, as much of the window as still leaves half of the clip in it,
    so that short clips have windows with a past as well.
    """
    latest = max(n_frames - config.length + config.length // 10, n_frames // 2)
    if latest < config.previous or rng.random() < first:
        return 0
    return int(rng.integers(config.previous, latest + 1))


def previous_frames(
    motion: Float[np.ndarray, "*batch t 70"], config: WindowConfig = WindowConfig()
) -> Float[np.ndarray, "*batch p 70"]:
    """The last frames of a motion, on which the next window is conditioned."""
    return motion[..., -config.previous :, :]
