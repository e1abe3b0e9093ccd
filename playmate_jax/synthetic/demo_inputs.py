"""The inputs that ship with the package: a synthetic portrait and five seconds of synthetic speech.

    python -m playmate_jax.synthetic.demo_inputs playmate_jax/assets

The portrait is taller than wide and shows more than the crop of its face, so that animating it
exercises every step: detection, crop, rendering, paste-back. The person is in none of the training
pools.
"""

import sys
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from playmate_jax.media.wav import write_wav
from playmate_jax.motion.layout import AUDIO_HZ
from playmate_jax.synthetic.draw import draw, sample_identity
from playmate_jax.synthetic.expression import UNITS
from playmate_jax.synthetic.speech import demo_utterance

WIDTH, HEIGHT = 512, 640
PERSON = (2026, 21)
POSE = (0.0, -3.0, 1.0, 0.72, 0.0, 0.0)  # pitch, yaw, roll in degrees, scale, tx, ty
REACH = 1.4


def demo_portrait() -> UInt8[np.ndarray, "h w 3"]:
    """The bundled portrait: one synthetic person at rest, taller than wide."""
    units = np.zeros((1, len(UNITS)), np.float32)
    square = draw(sample_identity(*PERSON), units, np.array([POSE], np.float32), HEIGHT, REACH)[0]
    left = (HEIGHT - WIDTH) // 2
    return square[:, left : left + WIDTH]


def main(folder: str) -> None:
    """Writes portrait.png and speech.wav into `folder`."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    Image.fromarray(demo_portrait()).save(Path(folder) / "portrait.png", optimize=True)
    write_wav(Path(folder) / "speech.wav", demo_utterance().audio, AUDIO_HZ)


if __name__ == "__main__":
    main(sys.argv[1])
