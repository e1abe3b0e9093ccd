"""Emotion asked for in words: `happy=0.8,surprised=0.2`, or a track over time.

    happy                              one emotion at full intensity, the whole clip
    happy=0.8,surprised=0.2            a blend; the numbers are intensities in [0, 1]
    0:neutral,2.5:happy=0.8            keys at seconds 0 and 2.5, weights linear in between
    a path to a text file              the same, one key a line, `#` starts a comment

The result is the emotion condition of the controller: weights over EMOTIONS times an intensity,
one row a video frame. Where intensities of a blend add up to more than 1 they are scaled to 1,
because the controller has seen no stronger condition in training. No text at all means no
condition, and the controller is skipped; `neutral` is a condition of its own.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError, nearest
from playmate_jax.motion.layout import EMOTIONS, FPS


@dataclass(frozen=True)
class EmotionTrack:
    """Keys over time: at `seconds[i]` the condition is `weights[i]` (8 numbers in [0, 1])."""

    seconds: tuple[float, ...]
    weights: tuple[tuple[float, ...], ...]

    def frames(self, count: int, fps: float = FPS) -> Float[np.ndarray, "t e"]:
        """The condition of every video frame: linear between keys, held before and after them."""
        return self.at(np.arange(count) / fps)

    def at(self, seconds: Float[np.ndarray, " t"]) -> Float[np.ndarray, "t e"]:
        """The condition at these times."""
        columns = np.asarray(self.weights, np.float64).T
        rows = [np.interp(seconds, self.seconds, column) for column in columns]
        return np.stack(rows, -1).astype(np.float32)

    def describe(self) -> str:
        """The track in the notation that `parse_emotion` reads."""
        keys = []
        for second, row in zip(self.seconds, self.weights, strict=True):
            blend = [f"{n}={w:g}" for n, w in zip(EMOTIONS, row, strict=True) if w]
            keys.append((second, ",".join(blend) or "neutral=0"))
        if len(keys) == 1 and keys[0][0] == 0:
            return keys[0][1]
        return ",".join(f"{second:g}:{blend}" for second, blend in keys)


def parse_emotion(text: str | Path) -> EmotionTrack:
    """The track that `text` (or the file it names) describes.

    Raises:
      UserError: as `parse_emotion_text`, or a file that cannot be read.
    """
    return parse_emotion_text(_file_or_text(text))


def parse_emotion_text(text: str) -> EmotionTrack:
    """The track that `text` describes, which may come from a stranger: no file is looked at.

    Raises:
      UserError: an unknown emotion (with the nearest name), an intensity outside [0, 1], times that
        do not increase, or nothing at all.
    """
    keys: list[tuple[float, dict[str, float]]] = []
    for item in (part.strip() for part in text.split(",")):
        if not item:
            continue
        time, colon, blend = item.rpartition(":")
        if colon:
            keys.append((_second(time), {}))
        elif not keys:
            keys.append((0.0, {}))
        if blend.strip():
            _add(keys[-1][1], blend.strip())
    if not keys or not any(blend for _, blend in keys):
        raise UserError(
            f"expected an emotion such as happy=0.8, found '{text.strip()}', name one of "
            f"{', '.join(EMOTIONS)}"
        )
    seconds = tuple(second for second, _ in keys)
    if any(b <= a for a, b in zip(seconds, seconds[1:], strict=False)):
        raise UserError(
            f"expected emotion times that increase, found "
            f"{', '.join(f'{s:g}' for s in seconds)} s, put them in order"
        )
    return EmotionTrack(seconds, tuple(_row(blend) for _, blend in keys))


def _file_or_text(text: str | Path) -> str:
    """Lines of a file joined to one text, or the text itself."""
    path = Path(text)
    try:
        is_file = path.is_file()
    except (OSError, ValueError):  # a text too long or too odd for a file name
        is_file = False
    if not is_file:
        if isinstance(text, Path) or path.suffix == ".txt":
            raise UserError(
                f"expected a file with an emotion track, found nothing at {path}, check the path"
            )
        return str(text)
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UserError(
            f"expected a text file with lines such as '2.5: happy=0.8', found something "
            f"unreadable at {path}, write it as UTF-8 text"
        ) from None
    return ",".join(line.split("#")[0].strip() for line in lines)


def _second(text: str) -> float:
    try:
        second = float(text)
    except ValueError:
        second = math.nan
    if not (math.isfinite(second) and second >= 0):
        raise UserError(
            f"expected seconds before ':' in an emotion track, found '{text.strip()}', "
            "write for example 2.5:happy=0.8"
        )
    return second


def _add(blend: dict[str, float], item: str) -> None:
    """Adds `name` or `name=intensity` to a blend."""
    name, equals, value = (part.strip() for part in item.partition("="))
    name = name.lower()
    if name not in EMOTIONS:
        raise UserError(
            f"expected an emotion out of {', '.join(EMOTIONS)}, found '{name}'"
            f"{nearest(name, EMOTIONS)}"
        )
    if name in blend:
        raise UserError(f"expected each emotion once in a blend, found '{name}' twice, remove one")
    try:
        intensity = float(value) if equals else 1.0
    except ValueError:
        intensity = math.nan
    if not 0 <= intensity <= 1:  # also refuses NaN
        raise UserError(
            f"expected an intensity from 0 to 1 for '{name}', found '{value}', "
            f"write for example {name}=0.8"
        )
    blend[name] = intensity


def _row(blend: dict[str, float]) -> tuple[float, ...]:
    total = max(1.0, sum(blend.values()))
    return tuple(blend.get(name, 0.0) / total for name in EMOTIONS)
