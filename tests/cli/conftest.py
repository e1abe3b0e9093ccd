"""The command on one tiny animator with random weights: it compiles once for all of this area."""

import jax
import numpy as np
import pytest
from PIL import Image

from playmate_jax.cli import run
from playmate_jax.faces import Face
from playmate_jax.faces.landmarker import BROWS, JAW, LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE
from playmate_jax.hub.weights import load_weights
from playmate_jax.inference import Animator
from playmate_jax.inference.face_renderer import FaceRenderer
from playmate_jax.inference.motion_files import MotionClip, write_motion
from playmate_jax.media import VideoWriter, write_wav
from playmate_jax.models import renderer
from playmate_jax.motion.layout import SCALE, YAW
from playmate_jax.synthetic.draw import draw, sample_identity
from tests.random_weights import TINY_RENDERER, random_params


class FixedFaces:
    """`Landmarker` that finds faces at the same places of every image: (x, y, size), in sides."""

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


class SeenFaces(FixedFaces):
    """A face in the middle of images that are as bright, in each colour, as one of `shown`."""

    def __init__(self, *shown):
        super().__init__((0.5, 0.5, 0.4))
        self.shown = [np.mean(image, (0, 1)) for image in shown]

    def detect(self, image):
        known = any(np.abs(image.mean((0, 1)) - mean).max() < 8 for mean in self.shown)
        return super().detect(image) if known else []


@pytest.fixture(scope="session")
def tiny_animator(tiny_weights):
    return Animator.from_weights(tiny_weights, batch=4)


@pytest.fixture
def animator(tiny_animator):
    """The tiny animator, with one face in the middle of every image."""
    tiny_animator.landmarker = FixedFaces((0.5, 0.5, 0.4))
    return tiny_animator


@pytest.fixture(scope="session")
def portrait_pixels():
    units, pose = np.zeros((1, 18), np.float32), np.array([[0, 0, 0, 0.72, 0, 0]], np.float32)
    return draw(sample_identity(5, 0), units, pose, 96)[0]


@pytest.fixture(scope="session")
def somebody_else():
    """Another synthetic person, before another backdrop."""
    units, pose = np.zeros((1, 18), np.float32), np.array([[0, 0, 0, 0.72, 0, 0]], np.float32)
    return draw(sample_identity(2, 0), units, pose, 96)[0]


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


@pytest.fixture
def tiny(animator, monkeypatch):
    """Whatever weights the command asks for, it gets the tiny animator."""
    monkeypatch.setattr(Animator, "from_weights", lambda *args, **options: animator)
    return animator


@pytest.fixture
def no_work(monkeypatch):
    """The command must end before it asks for weights."""

    def began(*_, **__):
        raise AssertionError("work began")

    monkeypatch.setattr(Animator, "from_weights", began)


@pytest.fixture
def faces_at(tiny):
    """Puts the faces that are found at other places: (x, y, size), in sides."""

    def place(*places):
        tiny.landmarker = FixedFaces(*places)

    return place


@pytest.fixture
def animate(inputs):
    """`playmate animate` with more options or other files than the good ones; its exit code."""

    def command(
        *options, portrait="portrait.png", speech="speech.wav", out="out.mp4", folder=inputs
    ):
        names = [str(folder / name) for name in (portrait, speech)]
        return run(["animate", *names, "-o", str(folder / out), *options])

    return command


@pytest.fixture
def refused(capsys):
    """Checks a refusal: one sentence on standard error that says all of `told`, code 2."""

    def check(code, *told):
        out, err = capsys.readouterr()
        lines = [line for line in err.splitlines() if line.startswith("playmate: ")]
        assert code == 2, err
        assert out == "" and "Traceback" not in err
        assert len(lines) == 1 and lines[0] == err.splitlines()[-1]
        for word in told:
            assert word in lines[0]

    return check


@pytest.fixture
def files(inputs):
    """What lies in the folder now, by path."""

    def contents():
        return {path: path.read_bytes() for path in inputs.rglob("*") if path.is_file()}

    return contents


@pytest.fixture
def write_frames(tmp_path):
    """Writes images, lossless, as a video of a frame rate, or with times of their own; its path."""

    def write(images, fps=25, name="frames.mp4", times_s=None):
        size = images[0].shape[1::-1]
        with VideoWriter(tmp_path / name, fps, size, quality=0, times_s=times_s) as out:
            for image in images:
                out.write(image)
        return tmp_path / name

    return write


@pytest.fixture
def write_video():
    """Writes twelve grey frames, with sound where given."""

    def write(path, audio=None):
        with VideoWriter(path, 25, (64, 64), audio) as out:
            for shade in range(12):
                out.write(np.full((64, 64, 3), 20 * shade, np.uint8))

    return write


@pytest.fixture
def clip():
    """Twelve frames of motion near a synthetic portrait's size, with openness."""
    rng = np.random.default_rng(3)
    motion = rng.normal(0, 0.02, (12, 70)).astype(np.float32)
    motion[:, SCALE] = 0.7 + rng.uniform(0, 0.05, (12, 1))
    motion[:, YAW] = np.linspace(0, 11, 12)
    openness = rng.uniform(0.1, 0.5, (12, 3)).astype(np.float32)
    return MotionClip(motion, 25.0, openness)


@pytest.fixture
def driving(clip, tmp_path):
    write_motion(tmp_path / "driving.npz", clip)
    return tmp_path / "driving.npz"


@pytest.fixture
def retargeter(animator, tiny_weights, monkeypatch):
    """The tiny animator with random stitching and retargeting networks."""
    config, params, _ = load_weights(tiny_weights / "renderer")
    more = random_params(renderer.retargeting_shapes(TINY_RENDERER), np.random.default_rng(0))
    more = jax.tree.map(lambda leaf: leaf * np.float32(0.5), more)
    found = FaceRenderer.from_weights(config, params | more, "here", batch=4)
    monkeypatch.setattr(animator, "renderer", found)
    return animator


@pytest.fixture
def source_video(tmp_path, portrait_pixels):
    """Eight frames of a portrait that shifts, with sound."""
    sound = np.random.default_rng(1).normal(0, 0.1, 5120).astype(np.float32)
    with VideoWriter(tmp_path / "source.mp4", 25, (96, 96), sound) as out:
        for step in range(8):
            out.write(np.roll(portrait_pixels, step, 1))
    return tmp_path / "source.mp4"
