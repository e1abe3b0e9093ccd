"""Where the eyes look, beside what the speech makes of them: (sideways, down), from -1 to 1.

It is added to the generated gaze, so that eyes stay alive, and turned into displacements of
keypoints by the face space's own table (`inference/expressions.py`). In a stream it moves by at
most `GAZE_A_FRAME` a frame, as eyes do: from the middle to the side in 160 ms.
"""

import math
from collections import deque
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.inference.expressions import displacement
from playmate_jax.motion.layout import EXPRESSION

Gaze = tuple[float, float]
GAZE_A_FRAME = 0.25
_KEPT = 512  # frames that may be taken back


def checked_gaze(gaze: Any) -> Gaze:
    """The gaze as two numbers; raises `UserError` for anything else."""
    try:
        x, y = (float(part) for part in gaze)
    except (TypeError, ValueError):
        x = y = math.nan
    if not (abs(x) <= 1 and abs(y) <= 1):  # of NaN neither is true
        raise UserError(
            f"expected a gaze of two numbers from -1 to 1, sideways and down, found {gaze!r:.60}: "
            "correct it"
        )
    return x, y


def gaze_shift(space: str, gaze: Gaze) -> Float[np.ndarray, "63"]:
    """What a gaze adds to delta; raises `UserError` where the face space has no gaze."""
    sideways, down = (displacement(space, *part) for part in zip(("gaze_x", "gaze_y"), gaze))
    return np.asarray(sideways + down, np.float32)


class GazeRamp:
    """The gaze of a stream, which goes where it is sent and can be taken back.

    Args:
      space: see `expressions.face_space`.
      gaze: where it goes first, from the middle; None: no change.

    Raises:
      UserError: no gaze, or a face space that has none.
    """

    def __init__(self, space: str, gaze: Gaze | None = None):
        self._space, self._goal = space, np.zeros(2, np.float32)
        self._past: deque[np.ndarray] = deque([self._goal], maxlen=_KEPT)
        if gaze is not None:
            self.send(gaze)

    def send(self, gaze: Gaze) -> None:
        """Sets where it goes from the next frame on; raises `UserError` as the class does."""
        checked = checked_gaze(gaze)
        gaze_shift(self._space, checked)
        self._goal = np.array(checked, np.float32)

    def added(self, motion: Float[np.ndarray, "hop 70"]) -> Float[np.ndarray, "hop 70"]:
        """The next frames of motion, with the gaze in them."""
        if not (self._goal.any() or self._past[-1].any()):
            self._past.extend([self._goal] * len(motion))
            return motion
        moved = motion.copy()
        for row in moved:
            now = self._past[-1]
            now = now + np.clip(self._goal - now, -GAZE_A_FRAME, GAZE_A_FRAME)
            self._past.append(now)
            row[EXPRESSION] += gaze_shift(self._space, (float(now[0]), float(now[1])))
        return moved

    def rewind(self, frames: int) -> None:
        """Takes back the newest frames, which were not shown."""
        for _ in range(min(frames, len(self._past) - 1)):
            self._past.pop()
