"""What every source of frames gives, and the frame rates that videos have."""

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

_RATES = [Fraction(n, 1001) for n in (12000, 15000, 24000, 30000, 48000, 60000, 120000)]
_RATES += [Fraction(n) for n in (8, 10, 12, 15, 16, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120)]


class DecodedFrame(NamedTuple):
    """A frame that is converted to RGB only when it is looked at.

    Attributes:
      time_s: when it is shown, by the file's timestamps; None where it has none.
      lasts_s: how long it is shown, or None.
      image: makes the upright RGB image, anew every time.
    """

    time_s: Fraction | None
    lasts_s: Fraction | None
    image: Callable[[], UInt8[np.ndarray, "h w 3"]]


def near_rate(rate: Fraction) -> Fraction:
    """A frame rate, exact: files that store a rounded 29.97 mean 30000/1001."""
    near = min(_RATES, key=lambda known: abs(rate / known - 1))
    # 24 and 24000/1001 lie 1e-3 apart; a rate rounded to two digits is within 2e-4 of the true one
    return near if abs(rate / near - 1) < Fraction(2, 10_000) else Fraction(rate)
