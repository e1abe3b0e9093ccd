"""One tiny animator with random weights for all of this area: it compiles once."""

import numpy as np
import pytest
from PIL import Image

from playmate_jax.data.drawn.draw import draw, sample_identity
from playmate_jax.faces import Face
from playmate_jax.faces.landmarker import BROWS, JAW, LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE
from playmate_jax.inference import Animator
from playmate_jax.media import write_wav


class FixedFaces:
    """`Landmarker` that finds faces at the same places of every picture: (x, y, size), in sides."""

    def __init__(self, *places):
        self.places = places

    def detect(self, image):
        height, width = image.shape[:2]
        faces = []
        for x, y, size in self.places:
            points = np.zeros((468, 3), np.float32)
            ring = np.linspace(np.pi, 0, len(JAW))
            points[list(JAW), 0], points[list(JAW), 1] = np.cos(ring) * 0.5, np.sin(ring) * 0.5
            points[list(BROWS), 0] = np.linspace(-0.4, 0.4, len(BROWS))
            points[list(BROWS), 1] = -0.3
            points[list(LEFT_EYE), :2], points[list(RIGHT_EYE), :2] = (-0.2, -0.2), (0.2, -0.2)
            points[list(MOUTH_CORNERS), :2] = [(-0.15, 0.25), (0.15, 0.25)]
            points *= size * min(height, width)
            points[:, :2] += (x * width, y * height)
            faces.append(Face(points, 0.9, 0.99))
        return sorted(faces, key=lambda face: -face.area)

    def track(self, image, previous):
        return next(iter(self.detect(image)), None)


@pytest.fixture(scope="session")
def tiny_animator(tiny_weights):
    return Animator.from_weights(tiny_weights, batch=4)


@pytest.fixture
def animator(tiny_animator):
    """The tiny animator, with one face in the middle of every picture."""
    tiny_animator.landmarker = FixedFaces((0.5, 0.5, 0.4))
    return tiny_animator


@pytest.fixture(scope="session")
def portrait_pixels():
    units, pose = np.zeros((1, 18), np.float32), np.array([[0, 0, 0, 0.72, 0, 0]], np.float32)
    return draw(sample_identity(5, 0), units, pose, 96)[0]


@pytest.fixture(scope="session")
def speech_samples():
    """0.4 s: 10 frames."""
    return np.random.default_rng(0).normal(0, 0.1, 6400).astype(np.float32)


@pytest.fixture
def inputs(tmp_path, portrait_pixels, speech_samples):
    """A folder with a good portrait and a good recording."""
    Image.fromarray(portrait_pixels).save(tmp_path / "portrait.png")
    write_wav(tmp_path / "speech.wav", speech_samples)
    return tmp_path
