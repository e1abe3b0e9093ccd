"""The inputs that ship with the package: synthetic portraits, and five seconds of synthetic speech.

    python -m playmate_jax.synthetic.demo_inputs playmate_jax/assets

The portraits are taller than wide and show more than the crop of the face, so that animating one
exercises every step: detection, crop, rendering, paste-back. One is as the synthetic world draws
people, one a cartoon, one a painting. The people are in none of the training pools.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from playmate_jax.media.wav import write_wav
from playmate_jax.motion.layout import AUDIO_HZ
from playmate_jax.synthetic.draw import draw, sample_identity
from playmate_jax.synthetic.expression import UNITS
from playmate_jax.synthetic.speech import demo_utterance

WIDTH, HEIGHT = 512, 640
PERSON, CARTOON, PAINTED = (2026, 21), (2026, 5), (2026, 22)
POSE = (0.0, -3.0, 1.0, 0.72, 0.0, 0.0)  # pitch, yaw, roll in degrees, scale, tx, ty
REACH = 1.4


def demo_portrait(person: tuple[int, int] = PERSON) -> UInt8[np.ndarray, "h w 3"]:
    """The bundled portrait, or that of another person: at rest, taller than wide."""
    units = np.zeros((1, len(UNITS)), np.float32)
    square = draw(sample_identity(*person), units, np.array([POSE], np.float32), HEIGHT, REACH)[0]
    left = (HEIGHT - WIDTH) // 2
    return square[:, left : left + WIDTH]


def demo_cartoon() -> UInt8[np.ndarray, "h w 3"]:
    """A cartoon: flat colours with black outlines."""
    return cv2.stylization(demo_portrait(CARTOON), sigma_s=40, sigma_r=0.35)


def demo_painting() -> UInt8[np.ndarray, "h w 3"]:
    """An oil painting: strokes along the edges of the image, under an old varnish, on canvas."""
    image = demo_portrait(PAINTED).astype(np.float32)
    grey = cv2.GaussianBlur(image.mean(-1), (0, 0), 4)
    x, y = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    along = np.stack([-y, x], -1)  # the direction in which the image changes least
    along = cv2.GaussianBlur(along, (0, 0), 6)
    along /= np.linalg.norm(along, axis=-1, keepdims=True) + 1e-3
    rng = np.random.default_rng(0)
    bristles = cv2.GaussianBlur(rng.standard_normal(grey.shape).astype(np.float32), (0, 0), 0.8)
    grid = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), -1).astype(np.float32)
    steps = [_moved(np.dstack([image, 40 * bristles]), grid + k * along) for k in range(-7, 8)]
    stroked = np.mean(steps, 0)
    weave = np.sin(grid[..., 0] * 2.1) * np.sin(grid[..., 1] * 2.1)
    painted = 0.35 * image + 0.65 * stroked[..., :3] + (stroked[..., 3] + 2.5 * weave)[..., None]
    varnish = np.array([1.03, 0.97, 0.80], np.float32)
    return np.clip(painted * varnish + [6, 3, 0], 0, 255).astype(np.uint8)


def _moved(image: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """The image at the points (h, w, 2) of a grid in pixels."""
    x, y = grid[..., 0], grid[..., 1]
    return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


PORTRAITS = {
    "portrait.png": demo_portrait, "cartoon.png": demo_cartoon, "painting.jpg": demo_painting,
}  # fmt: skip


def main(folder: str) -> None:
    """Writes the portraits and speech.wav into `folder`."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, portrait in PORTRAITS.items():
        Image.fromarray(portrait()).save(Path(folder) / name, optimize=True, quality=92)
    write_wav(Path(folder) / "speech.wav", demo_utterance().audio, AUDIO_HZ)


if __name__ == "__main__":
    main(sys.argv[1])
