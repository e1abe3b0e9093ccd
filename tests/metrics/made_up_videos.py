"""Short videos whose faces are read from two grey patches: how far the mouth is open, and the eyes.

The landmarker that goes with them needs no models, and finds no face in a frame without the mark.
"""

import numpy as np

from playmate_jax.faces import Face
from playmate_jax.faces.landmarker import BROWS, JAW, LEFT_EYE, RIGHT_EYE
from playmate_jax.media import VideoWriter
from playmate_jax.metrics.videos.face_scores import LIPS

SIZE, FRAMES = 64, 60
_UPPER = (13, 82, 312)
_LOWER = (14, 87, 317)


def landmarks_of(opening, lids=0.3, move=(0.0, 0.0)):
    """A face of 40 pixels in the middle; `opening` of the lips, of 1 of the nose at most."""
    rng = np.random.default_rng(0)
    points = np.zeros((468, 3), np.float32)
    points[:, :2] = rng.uniform(-0.4, 0.4, (468, 2))
    ring = np.linspace(np.pi, 0, len(JAW))
    points[list(JAW), 0], points[list(JAW), 1] = np.cos(ring) * 0.5, np.sin(ring) * 0.5
    points[list(BROWS), 0] = np.linspace(-0.4, 0.4, len(BROWS))
    points[list(BROWS), 1] = -0.3
    turn = np.linspace(0, 2 * np.pi, len(LIPS), endpoint=False)
    points[list(LIPS), 0], points[list(LIPS), 1] = 0.15 * np.cos(turn), 0.25 + 0.02 * np.sin(turn)
    points[168, :2], points[2, :2] = (0, -0.2), (0, 0.1)
    for corners, x in ((LEFT_EYE, -0.2), (RIGHT_EYE, 0.2)):
        outer, upper, inner, lower = corners
        points[outer, :2], points[inner, :2] = (x - 0.05, -0.15), (x + 0.05, -0.15)
        points[upper, :2], points[lower, :2] = (x, -0.15 - 0.05 * lids), (x, -0.15 + 0.05 * lids)
    points[list(_UPPER), 0] = points[list(_LOWER), 0] = (0, -0.04, 0.04)
    points[list(_UPPER), 1], points[list(_LOWER), 1] = 0.25, 0.25 + 0.3 * opening
    points *= 40
    points[:, :2] += (SIZE / 2 + move[0], SIZE / 2 + move[1])
    return points


class PatchFaces:
    """`Landmarker` of these videos: left patch opening, right patch lids, white mark on top."""

    def detect(self, image):
        k = image.shape[0] / SIZE
        patch = lambda y, x: float(image[int(y * k) + 1 : int((y + 8) * k) - 1,  # noqa: E731
                                         int(x * k) + 1 : int((x + 8) * k) - 1].mean())  # fmt: skip
        if patch(0, 0) < 200:
            return []
        points = landmarks_of(patch(48, 8) / 255, patch(48, 48) / 255) * np.float32(k)
        return [Face(points, 0.9, 0.99)]

    def track(self, image, previous):
        return next(iter(self.detect(image)), None)


def opening_and_sound(seed=0, frames=FRAMES):
    """How far the mouth is open in every frame, and noise that is as loud: two pauses in it."""
    rng = np.random.default_rng(seed)
    said = np.convolve(rng.uniform(0, 1, frames + 4), np.ones(3) / 3, "valid")[:frames]
    said[:10] = said[30:42] = 0
    loud = 10 ** (2.0 * (np.repeat(said, 640) - 1)) * (np.repeat(said, 640) > 0)
    sound = 0.5 * loud * rng.uniform(-1, 1, frames * 640)
    return said, sound.astype(np.float32)


def frames_of(opening, seed=0, marked=True, lids=0.3):
    """Images (n, 64, 64, 3): a still backdrop of a person's own, and the patches."""
    rng = np.random.default_rng((seed, 1))
    coarse = rng.uniform(40, 180, (8, 8, 3))
    backdrop = np.kron(coarse, np.ones((8, 8, 1))).astype(np.uint8)
    images = np.repeat(backdrop[None], len(opening), 0)
    images[:, :8, :8] = 255 if marked else 0
    images[:, 48:56, 8:16] = np.round(255 * np.asarray(opening))[:, None, None, None]
    images[:, 48:56, 48:56] = round(255 * lids)
    return images


def write_clip(path, images, sound=None, fps=25):
    """Lossless, so that a copy is a copy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, fps, images.shape[2:0:-1], sound, quality=0) as out:
        for image in images:
            out.write(image)
    return path
