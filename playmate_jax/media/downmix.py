"""Two channels into one, also where they are each other's opposite.

A microphone cabled the wrong way round, or a faulty stereo effect, gives two channels whose mean is
silence. Whether that is so is decided once for a recording, by its first ten seconds of sound.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float

_ENOUGH_S = 10.0  # of sound
_LONGEST_S = 300.0  # that are waited for it: 38 MB at 16 kHz
_AUDIBLE = 1e-3  # -60 dB
# The mean of one speaking and one silent channel has a quarter of the former's energy: 6 dB less.
_CANCELLED = 0.1

CANCELLED = "the two channels of '{path}' cancel each other: the louder one alone is used"


def mono(
    blocks: Iterable[Float[np.ndarray, "s c"]], hz: int, path: str, remarks: list[str]
) -> Iterator[Float[np.ndarray, "s 1"]]:
    """The mean of the channels, or the louder one where the mean cancels the sound; a sentence of
    the latter goes to `remarks`."""
    held: list[np.ndarray] = []
    decided, channel = False, None
    audible = waited = 0
    for block in blocks:
        if block.shape[1] == 1 or decided:
            yield _mixed(block, channel)
            continue
        held.append(block)
        waited += len(block)
        audible += int((np.abs(block).max(axis=1) > _AUDIBLE).sum()) if len(block) else 0
        if audible >= _ENOUGH_S * hz or waited >= _LONGEST_S * hz:
            decided, channel = True, _louder(held, path, remarks)
            yield from (_mixed(one, channel) for one in held)
            held = []
    if held:
        channel = _louder(held, path, remarks)
        yield from (_mixed(one, channel) for one in held)


def _louder(held: list[np.ndarray], path: str, remarks: list[str]) -> int | None:
    """The channel to be used alone, if the channels' mean is to be avoided."""
    energy = np.sum([np.square(block, dtype=np.float64).sum(axis=0) for block in held], axis=0)
    mean = sum(float(np.square(_mixed(block, None), dtype=np.float64).sum()) for block in held)
    if mean >= _CANCELLED * energy.max():
        return None
    remarks.append(CANCELLED.format(path=path))
    return int(energy.argmax())


def _mixed(block: np.ndarray, channel: int | None) -> np.ndarray:
    if channel is None or block.shape[1] == 1:
        return block.mean(axis=1, keepdims=True)
    return block[:, channel : channel + 1]
