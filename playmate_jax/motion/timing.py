"""Motion at other times: linear interpolation, and playing forwards and backwards."""

import numpy as np
from jaxtyping import Float

from playmate_jax.motion.layout import FPS


def resample(
    values: Float[np.ndarray, "n c"], at_s: Float[np.ndarray, "n"], wanted_s: Float[np.ndarray, "t"]
) -> Float[np.ndarray, "t c"]:
    """Rows at the times `wanted_s`, interpolated between those at the times `at_s` (in seconds).

    Beyond the ends the outermost row is held. Angles must be unwrapped (`gaps.unwrapped`). Rows at
    equal times are equal.
    """
    columns = [np.interp(wanted_s, at_s, column) for column in values.T]
    return np.stack(columns, axis=-1).astype(np.float32)


def retime(values: Float[np.ndarray, "n c"], fps: float, to: float = FPS) -> np.ndarray:
    """Rows at the frame rate `to` instead of `fps`; a single row remains single."""
    count = max(1, round(len(values) * to / fps)) if len(values) > 1 else 1
    return resample(values, np.arange(len(values)) / fps, np.arange(count) / to)


def back_and_forth(values: Float[np.ndarray, "n c"], count: int) -> Float[np.ndarray, "t c"]:
    """`count` rows, played forwards and backwards without repeating the turning points."""
    period = max(1, 2 * len(values) - 2)
    at = np.arange(count) % period
    return values[np.where(at < len(values), at, period - at)]
