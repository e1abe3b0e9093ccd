"""Motion over frames in which the head was not detected, and across cuts of a driving video.

A gap is held and eased: it keeps the last motion before it and moves, over its last frames, to the
first motion after it. At the beginning and at the end of a video the nearest motion is held. At a
cut with the head on both sides, the jump is faded out over the frames after the cut.
"""

import numpy as np
from jaxtyping import Bool, Float

from playmate_jax.motion.continuity import raised_cosine
from playmate_jax.motion.layout import ANGLES

EASE_S = 0.3


def held_and_eased(
    values: Float[np.ndarray, "n m"],
    seen: Bool[np.ndarray, "t"],
    cuts: Bool[np.ndarray, "t"],
    n_frames: int,
) -> Float[np.ndarray, "t m"]:
    """Values of all frames from those of the frames with a detected head.

    Args:
      values: values of the frames with a head, at least one.
      seen: the frames with a head, to which the rows of `values` belong.
      cuts: the frames that are the first of their shot.
      n_frames: the number of frames over which the end of a gap, or a cut, is eased.
    """
    at = np.flatnonzero(seen)
    out = values[np.maximum(np.searchsorted(at, np.arange(len(seen)), "right") - 1, 0)]
    for start, stop in spans(~seen):
        if 0 < start and stop < len(seen):
            eased = min(n_frames, stop - start)
            rise = 1 - raised_cosine(eased + 1)[1:, None]
            out[stop - eased : stop] += rise * (out[stop] - out[start - 1])
    faded = np.zeros_like(out)
    for cut in np.flatnonzero(cuts[1:] & seen[1:] & seen[:-1]) + 1:
        part = slice(cut, cut + n_frames)
        fall = raised_cosine(n_frames)[: len(out[part]), None]
        faded[part] += fall * (out[cut - 1] + faded[cut - 1] - out[cut] - faded[cut])
    return out + faded if faded.any() else out


def unwrapped(motion: Float[np.ndarray, "t m"]) -> Float[np.ndarray, "t m"]:
    """The same motion with angles unwrapped: they change by at most 180 degrees per frame."""
    motion = np.array(motion, np.float32)
    motion[:, ANGLES] = np.unwrap(motion[:, ANGLES], period=360.0, axis=0)
    return motion


def strength(
    seen: Bool[np.ndarray, "t"], cuts: Bool[np.ndarray, "t"], n_frames: int
) -> Float[np.ndarray, "t"]:
    """The weight in [0, 1] with which a source video's frames take another motion.

    It is 0 where the face is not detected and, within a shot, falls towards 0 over the `n_frames`
    frames before such a gap and rises again after it.
    """
    weights = seen.astype(np.float32)
    rise = 1 - raised_cosine(n_frames + 1)[1:]
    for start, stop in spans(~seen):
        if not cuts[start]:
            before = weights[max(0, start - n_frames) : start][::-1]
            np.minimum(before, rise[: len(before)], out=before)
        if stop < len(seen) and not cuts[stop]:
            after = weights[stop : stop + n_frames]
            np.minimum(after, rise[: len(after)], out=after)
    return weights


def spans(chosen: Bool[np.ndarray, "t"]) -> list[tuple[int, int]]:
    """(first, one after the last) of every series of consecutive chosen frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]
