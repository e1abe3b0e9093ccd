"""The speech that SyncNet compares with windows of lips: cepstra of 0.2 s each, 40 ms apart."""

import numpy as np
from jaxtyping import Float, Int

from playmate_jax.models.mfcc import STEP, mfcc
from playmate_jax.models.syncnet import STEPS
from playmate_jax.motion.layout import SAMPLES_PER_FRAME

STEPS_PER_FRAME = SAMPLES_PER_FRAME // STEP  # of cepstra


def speech_windows(audio: Int[np.ndarray, "s"], n: int) -> Float[np.ndarray, "n 13 20"]:
    """The cepstra that belong to the first n windows of frames: 0.2 s each, 40 ms apart."""
    cepstra = mfcc(audio).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(cepstra, STEPS, axis=0)
    return windows[: STEPS_PER_FRAME * n : STEPS_PER_FRAME]
