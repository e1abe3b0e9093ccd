"""Scene cuts in a stream of frames: exact to the frame for hard cuts, blind to flashes.

Frames are compared as small images, in which noise and lips are gone, and as histograms of their
colours, which a moving head does not change: over real talking heads, filmed close and lively, the
histograms of neighbours differ by 0.07 at most, across cuts between such videos by 0.55 at least. A
hard cut changes both, much more than the frames just before it differed, and stays: after a flash
the old image returns. A dissolve or a fade is a second whose middle is the mean of its two ends,
two images that do not look alike. Motion, even of the camera, has no such middle.

Frames wait until it is known that a change stays: `HELD` of them are in memory.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

HELD = 6  # frames: what is over sooner is a flash
_SMALL = (32, 18)
_BINS = 6  # of each colour
_COLOURS = 0.2  # share of pixels that changed their colour
_LEAST, _MOST = 8.0, 30.0  # mean change of the small image: at least, and enough by itself
_RATIO = 3.0  # and over the median of the changes of the last second
_DISSOLVE = 25  # frames
_BLEND = 0.35  # how far the middle may be from the ends' mean, as a share of their difference
_PLAIN = 6.0  # standard deviation of an image of one colour
_ALIKE = 0.6  # correlation of two images of one scene under another light

Fade = Literal["", "from", "to"]


class SceneFrame(NamedTuple):
    """A frame, and its place in a scene.

    Attributes:
      image: the frame.
      begins: whether it is the first of its scene.
      spoiled: how many frames before it belong to a dissolve between two scenes, and to neither.
      fade: that dissolve came "from" an image of one colour, or went "to" one: black, mostly. The
        frames show one scene alone, in another light.
    """

    image: UInt8[np.ndarray, "h w 3"]
    begins: bool
    spoiled: int = 0
    fade: Fade = ""


class Look(NamedTuple):
    """What of a frame is compared: a small image, and the shares of its colours."""

    small: Float32[np.ndarray, "18 32 3"]
    colours: Float32[np.ndarray, "n"]


def scenes(frames: Iterable[UInt8[np.ndarray, "h w 3"]]) -> Iterator[SceneFrame]:
    """The frames in their order, with the cuts between them; the first one begins a scene."""
    held: deque[tuple[np.ndarray, Look]] = deque()  # frames to come and how they look
    past: deque[Look] = deque(maxlen=_DISSOLVE)  # of this scene, without flashes
    changes: deque[float] = deque(maxlen=25)
    frames = iter(frames)
    while True:
        while len(held) < HELD and (image := next(frames, None)) is not None:
            held.append((image, look(image)))
        if not held:
            return
        image, now = held.popleft()
        begins, flash, spoiled = not past, False, 0
        fade: Fade = ""
        if past:
            changed = change(past[-1], now)
            if _is_sudden(past[-1], now, changed, changes):
                flash = any(change(past[-1], later) < 0.5 * changed for _, later in held)
                begins = not flash
            if not begins and _is_dissolve([one.small for one in (*past, now)]):
                begins, spoiled, fade = True, len(past), _fade(past[0], now)
        if begins:
            past.clear()
            changes.clear()
        elif not flash:
            changes.append(changed)
        if not flash:  # what follows is compared with what was before it
            past.append(now)
        yield SceneFrame(image, begins, spoiled, fade)


def look(image: UInt8[np.ndarray, "h w 3"]) -> Look:
    """The small image and the colour histogram by which frames are compared."""
    step = max(1, min(image.shape[:2]) // 144)  # every pixel of a large one is not needed
    middle = cv2.resize(image[::step, ::step], (64, 36), interpolation=cv2.INTER_AREA)
    small = cv2.resize(middle, _SMALL, interpolation=cv2.INTER_AREA).astype(np.float32)
    counts = cv2.calcHist([middle], [0, 1, 2], None, [_BINS] * 3, [0, 256] * 3).reshape(-1)
    return Look(small, counts / counts.sum())


def change(one: Look, other: Look) -> float:
    """Mean difference of two small images, 0 to 255."""
    return float(np.abs(one.small - other.small).mean())


def _is_sudden(before: Look, now: Look, changed: float, usual: Iterable[float]) -> bool:
    if changed < max(_LEAST, _RATIO * float(np.median([*usual] or [0.0]))):
        return False
    recoloured = float(np.abs(before.colours - now.colours).sum()) / 2
    return changed >= _MOST or recoloured >= _COLOURS


def _is_dissolve(window: list[Float32[np.ndarray, "18 32 3"]]) -> bool:
    first, last = window[0], window[-1]
    apart = float(np.abs(first - last).mean())
    if len(window) <= _DISSOLVE or apart < 2 * _LEAST:
        return False
    middle = float(np.abs(window[len(window) // 2] - (first + last) / 2).mean())
    return middle < _BLEND * apart and _correlation(first, last) < _ALIKE


def _fade(first: Look, last: Look) -> Fade:
    if last.small.std((0, 1)).max() < _PLAIN:
        return "to"
    return "from" if first.small.std((0, 1)).max() < _PLAIN else ""


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    a, b = one - one.mean(), other - other.mean()
    # a black or white image looks like nothing
    return float((a * b).sum() / max(np.sqrt((a**2).sum() * (b**2).sum()), one.size))
