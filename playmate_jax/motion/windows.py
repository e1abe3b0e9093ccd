"""Windows: a long motion in pieces of 100 frames, each seeing the 10 before it (appendix A.2).

A window covers the frames [start, start + 100); its conditions (speech, previous motion) start 10
frames earlier. Frames before the clip's start and after its end repeat the edge frame, and are
marked: a first window has no previous motion, a truncated one has frames that do not count.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclasses.dataclass(frozen=True)
class WindowConfig:
    """Length of a window and of what it sees of the one before, in frames at 25 fps."""

    length: int = 100
    previous: int = 10

    @property
    def total(self) -> int:
        """Frames that a generator sees at a time: the previous and its own."""
        return self.previous + self.length


class Window(NamedTuple):
    """Rows of a clip that make one window.

    Attributes:
      rows: (previous + length,) indices into the clip, edges repeated.
      valid: (length,) False where the window runs past the clip's end.
      has_previous: whether the previous frames exist.
    """

    rows: Int[np.ndarray, " pt"]
    valid: Bool[np.ndarray, " t"]
    has_previous: bool


def window_at(start: int, n_frames: int, config: WindowConfig = WindowConfig()) -> Window:
    """The window that starts at frame `start` of a clip of `n_frames` frames."""
    frames = np.arange(start - config.previous, start + config.length)
    return Window(
        rows=np.clip(frames, 0, n_frames - 1),
        valid=(frames >= 0)[config.previous :] & (frames < n_frames)[config.previous :],
        has_previous=start >= config.previous,
    )


def window_starts(
    n_frames: int, config: WindowConfig = WindowConfig(), lookahead: int = 0
) -> list[int]:
    """First frames of the windows that cover a clip, one after the other.

    Args:
      lookahead: frames at the end of each window that are dropped and made again by the next
        window, so that every frame that is kept was made with at least that much speech after it in
        sight.
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
    """A training window: with probability `first` a clip's first, else anywhere from frame 10 on.

    The last tenth of a window may lie past the clip's end, as happens to the last window when
    generating.
    """
    latest = n_frames - config.length + config.length // 10
    if latest < config.previous or rng.random() < first:
        return 0
    return int(rng.integers(config.previous, latest + 1))


def previous_frames(
    motion: Float[np.ndarray, "*batch t 70"], config: WindowConfig = WindowConfig()
) -> Float[np.ndarray, "*batch p 70"]:
    """What the next window sees of a motion made so far: its last frames."""
    return motion[..., -config.previous :, :]
