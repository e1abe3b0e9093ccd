"""Noise on speech features while training, so that other voices are followed as well."""

import dataclasses

import numpy as np
from jaxtyping import Float


@dataclasses.dataclass(frozen=True)
class SpeechNoise:
    """White noise on the speech features of some windows: real voices differ in more than
    synthetic ones do.

    Attributes:
      largest: std at most, as a share of the features' own; each window draws its own.
      share: of the windows that get noise at all.
    """

    largest: float = 0.0
    share: float = 0.7

    def __call__(
        self, rng: np.random.Generator, speech: Float[np.ndarray, "b t f"]
    ) -> Float[np.ndarray, "b t f"]:
        """Features of b windows with noise added; the same array where `largest` is 0."""
        if not self.largest:
            return speech
        chosen = rng.random(len(speech)) < self.share
        level = (rng.uniform(0, self.largest, size=len(speech)) * chosen).astype(np.float32)
        noise = rng.standard_normal(speech.shape, np.float32)
        return speech + level[:, None, None] * speech.std() * noise
