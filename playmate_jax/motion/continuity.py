"""Joining windows: the gap to the previous window is closed over a few frames. The paper does not
do this; it only conditions on the previous frames. A clip starts from its portrait in the same way.

The first frame of a new window should continue the last two frames of the previous one. The gap
between them is added in full to the first frame and faded out: for expression, which may change
direction at any frame, with a raised cosine; for the head, which has inertia, with a cubic that
also continues the velocity. Windows are joined before they are fed back as the next window's
previous frames, so that the generator is conditioned on the frames that are rendered.
"""

import numpy as np
from jaxtyping import Float

from playmate_jax.motion.layout import EXPRESSION, MOTION_SIZE, POSE

BLEND_FRAMES = 8


def raised_cosine(n_frames: int) -> Float[np.ndarray, " t"]:
    """Weights of `n_frames` frames that fall from 1 towards 0; the next frame would have 0."""
    return (0.5 + 0.5 * np.cos(np.pi * np.arange(n_frames) / n_frames)).astype(np.float32)


def close_gap(
    previous: Float[np.ndarray, "*batch p m"],
    current: Float[np.ndarray, "*batch t m"],
    n_frames: int = BLEND_FRAMES,
) -> Float[np.ndarray, "*batch t m"]:
    """The current window, shifted at its start so that it continues the previous one.

    Args:
      previous: the frames before the window, at least two.
      current: the window; frames from `n_frames` on are returned unchanged.
      n_frames: the number of frames over which the gap is closed; 0 returns the window unchanged.
    """
    if not n_frames:
        return current
    last, before = previous[..., -1, :], previous[..., -2, :]
    # Half the last velocity: the full one overshoots when the window turns round at its start.
    gap = last + 0.5 * (last - before) - current[..., 0, :]
    n_frames = min(n_frames, current.shape[-2])
    moved = current.copy()
    moved[..., :n_frames, :] += gap[..., None, :] * raised_cosine(n_frames)[:, None]
    return moved


def close_gap_and_slope(
    previous: Float[np.ndarray, "*batch p m"],
    current: Float[np.ndarray, "*batch t m"],
    n_frames: int = 2 * BLEND_FRAMES,
) -> Float[np.ndarray, "*batch t m"]:
    """As `close_gap`, but continues velocity as well as position, by a cubic Hermite correction."""
    n_frames = min(n_frames, current.shape[-2])
    if n_frames < 2:  # noqa: PLR2004
        return current
    last, velocity = previous[..., -1, :], previous[..., -1, :] - previous[..., -2, :]
    gap = last + velocity - current[..., 0, :]
    slope = velocity - (current[..., 1, :] - current[..., 0, :])
    s = (np.arange(n_frames, dtype=np.float32) / n_frames)[:, None]
    moved = current.copy()
    moved[..., :n_frames, :] += gap[..., None, :] * (2 * s**3 - 3 * s**2 + 1)
    moved[..., :n_frames, :] += slope[..., None, :] * n_frames * (s**3 - 2 * s**2 + s)
    return moved


def joined(
    previous: Float[np.ndarray, "*batch p 70"],
    current: Float[np.ndarray, "*batch t 70"],
    n_frames: int = BLEND_FRAMES,
) -> Float[np.ndarray, "*batch t 70"]:
    """A window of motion vectors, changed at its start so that it continues the previous one.

    Expression is joined by `close_gap` over `n_frames`, the head by `close_gap_and_slope` over
    twice as many.
    """
    expression = close_gap(previous[..., EXPRESSION], current[..., EXPRESSION], n_frames)
    pose = close_gap_and_slope(previous[..., POSE], current[..., POSE], 2 * n_frames)
    return np.concatenate([expression, pose], -1)


def starting_weights() -> Float[np.ndarray, "t 70"]:
    """Weights of the gap between a portrait's own motion and a clip's first frame: all of the
    head's, fading over twice `BLEND_FRAMES`; the last frame has zeros. Of the expression none: M
    reads narrow eyes of a foreign face as shut, and a video must not begin with a blink."""
    weights = np.zeros((2 * BLEND_FRAMES + 1, MOTION_SIZE), np.float32)
    weights[:-1, POSE] = raised_cosine(2 * BLEND_FRAMES)[:, None]
    return weights


def starting_from(
    own: Float[np.ndarray, "m"], motion: Float[np.ndarray, "t m"]
) -> Float[np.ndarray, "t m"]:
    """Motion whose head starts where the portrait holds it, so that it does not jump where a still
    portrait begins to move: what the first frame differs by fades out (`starting_weights`)."""
    weights = starting_weights()[: len(motion)]
    started = motion.copy()
    started[: len(weights)] += weights * (own - motion[0]).astype(motion.dtype)
    return started


def smoothed(x: Float[np.ndarray, "*b t m"], std_frames: float) -> Float[np.ndarray, "*b t m"]:
    """A Gaussian low-pass filter over time, without delay; edge frames are repeated.

    Args:
      std_frames: standard deviation of the kernel, in frames; 0 returns `x` unchanged.
    """
    if not std_frames:
        return x
    reach = int(np.ceil(3 * std_frames))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / std_frames) ** 2)
    padding = [(0, 0)] * (x.ndim - 2) + [(reach, reach), (0, 0)]
    padded, n = np.pad(x, padding, "edge"), x.shape[-2]
    total = sum(w * padded[..., i : i + n, :] for i, w in enumerate(weights))
    return (total / weights.sum()).astype(x.dtype)
