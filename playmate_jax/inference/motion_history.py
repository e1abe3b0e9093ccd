"""What a motion stream remembers of the frames that it made, so that some can be taken back."""

import dataclasses

import numpy as np
from jaxtyping import Float

KEPT = 100  # frames


@dataclasses.dataclass
class MotionHistory:
    """A row a frame, newest last.

    Attributes:
      motion: normalised, joined, lips held: what the next window sees.
      speech: normalised features. emotion: conditions. gain: of the head.
      quiet: frames since the last one with speech.
    """

    motion: Float[np.ndarray, "n 70"]
    speech: Float[np.ndarray, "n f"]
    emotion: Float[np.ndarray, "n 8"]
    gain: Float[np.ndarray, " n"]
    quiet: Float[np.ndarray, " n"]

    def append(self, *rows: np.ndarray) -> None:
        """Adds rows to every array, in the order of the fields, and forgets the oldest."""
        for field, more in zip(dataclasses.fields(self), rows, strict=True):
            old = getattr(self, field.name)
            setattr(self, field.name, np.concatenate([old, more])[-KEPT:])

    def drop(self, n: int) -> None:
        """Takes back the newest `n` rows."""
        for field in dataclasses.fields(self):
            old = getattr(self, field.name)
            setattr(self, field.name, old[: len(old) - n])
