"""Videos made on the spot: a bright square is a face to `PointLandmarker`, a beep is its speech."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from playmate_jax.faces import DRIVING
from playmate_jax.hub.weights import load_weights
from playmate_jax.inference.face_renderer import FaceRenderer
from playmate_jax.models.speech_encoders import LogMel
from playmate_jax.prepare.clips import ClipMaker
from playmate_jax.prepare.config import PrepareConfig
from playmate_jax.prepare.quality import QualityConfig
from tests.faces.conftest import PointLandmarker

SIZE = (160, 120)
# A square has no lips, no texture and no edges
LENIENT = QualityConfig(
    least_face_px=8, least_blur=0, least_brightness=0, most_brightness=256, least_lips=0,
    most_silence=1, least_level_db=-101,
)  # fmt: skip


def speech_like(seconds: float, hz: int = 16000, seed: int = 0) -> np.ndarray:
    """Noise in syllables of a quarter of a second."""
    noise = np.random.default_rng(seed).normal(size=round(seconds * hz))
    envelope = np.sin(np.arange(len(noise)) / hz * 2 * np.pi * 2) ** 2
    return (0.1 * noise * envelope).clip(-1, 1).astype(np.float32)


def video_frame(level: int = 60, place: tuple[int, int] | None = (80, 60)) -> np.ndarray:
    """A ground of that level (its red at most 190) with a face of 40 pixels."""
    image = np.full((SIZE[1], SIZE[0], 3), level, np.uint8)
    image[..., 0] = min(level, 190)
    if place is not None:
        x, y = place
        image[y - 20 : y + 20, x - 20 : x + 20] = 255
    return image


@pytest.fixture
def write_video():
    """Any frames at any times with any sound at any offset, by PyAV alone."""

    def write(
        path: Path,
        frames: list[np.ndarray],
        fps: Fraction | int | None = 25,
        audio: np.ndarray | None = None,
        times: list[Fraction] | None = None,
        sound_at: Fraction = Fraction(0),
        rotation: int = 0,
        hz: int = 16000,
        codec: str = "libx264",
    ) -> Path:
        base = Fraction(1, 30_000)
        times = times or [Fraction(t) / Fraction(fps) for t in range(len(frames))]
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=Fraction(fps or 25))
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.codec_context.time_base = base
            if codec == "libx264":
                stream.options = {"preset": "ultrafast"}
            if rotation:
                stream.set_display_rotation(rotation)
            sound = None
            if audio is not None:
                sound = container.add_stream("aac", rate=hz, layout="mono")
            for image, time in zip(frames, times, strict=True):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
                frame.pts, frame.time_base = round(time / base), base
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
            if sound is not None:
                for start in range(0, len(audio), 1024):
                    part = np.ascontiguousarray(audio[None, start : start + 1024], np.float32)
                    frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
                    frame.sample_rate, frame.time_base = hz, Fraction(1, hz)
                    frame.pts = start + round(sound_at * hz)
                    container.mux(sound.encode(frame))
                container.mux(sound.encode(None))
        return path

    return write


@pytest.fixture(scope="session")
def make_clips(tiny_weights):
    """A `ClipMaker` that sees bright squares as faces, with random weights of a tiny M."""
    values, params, _ = load_weights(tiny_weights / "renderer")
    extractor = FaceRenderer.from_weights(values, params, "tiny", 16, only=("motion",))

    def make(**settings) -> ClipMaker:
        config = PrepareConfig(**{"quality": LENIENT, **settings})
        return ClipMaker(config, PointLandmarker(), extractor, DRIVING, LogMel())

    return make
