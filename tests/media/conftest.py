"""Small recordings, made on the spot."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from playmate_jax.media import VideoWriter


def clip_frames(count: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """Frame t is gray of level 4 t + 20, with a red top left and a blue bottom right corner."""
    frames = []
    for t in range(count):
        image = np.full((height, width, 3), 20 + 4 * t, np.uint8)
        image[: height // 3, : width // 3] = (200, 40, 30)
        image[-height // 3 :, -width // 3 :] = (30, 60, 200)
        frames.append(image)
    return frames


def level(image: np.ndarray) -> int:
    """Which of `clip_frames` it is, by its middle."""
    height, width = image.shape[:2]
    middle = image[height // 2 - 2 : height // 2 + 2, width // 2 - 2 : width // 2 + 2]
    return round((float(middle.mean()) - 20) / 4)


@pytest.fixture
def write_clip():
    def write(path: Path, count: int = 25, fps=25, audio=None, audio_hz=16000, **size) -> Path:
        frames = clip_frames(count, **size)
        shape = frames[0].shape[1::-1]
        with VideoWriter(path, fps, shape, audio=audio, audio_hz=audio_hz) as out:
            for image in frames:
                out.write(image)
        return path

    return write


@pytest.fixture
def write_raw_clip():
    """A clip whose frames appear at given times (seconds), by PyAV alone, maybe turned."""

    def write(path: Path, times: list[Fraction], rotation: int = 0, base: int = 90_000) -> Path:
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=30)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.codec_context.time_base = Fraction(1, base)
            if rotation:
                stream.set_display_rotation(rotation)
            for image, time in zip(clip_frames(len(times)), times, strict=True):
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = round(time * base), Fraction(1, base)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return write


@pytest.fixture
def write_sound():
    """A recording in any container and codec, by PyAV alone. `samples`: (s,) or (channels, s)."""

    def write(path: Path, samples: np.ndarray, hz: int, codec: str, form: str = "fltp") -> Path:
        samples = np.atleast_2d(samples).astype(np.float32)
        layout = "mono" if len(samples) == 1 else "stereo"
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=hz, layout=layout)
            turn = av.AudioResampler(format=form, layout=layout, rate=hz)
            step = stream.codec_context.frame_size or 4096
            for start in range(0, samples.shape[1], step):
                part = np.ascontiguousarray(samples[:, start : start + step])
                frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
                frame.sample_rate, frame.pts = hz, start
                for converted in turn.resample(frame):
                    container.mux(stream.encode(converted))
            container.mux(stream.encode(None))
        return path

    return write
