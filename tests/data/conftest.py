"""Records as the pipelines read them, in memory."""

import cv2
import numpy as np
import pytest

SPEECH = 6


def talking(number: int, frames: int, emotion: int = -1) -> dict:
    """A clip whose features and sound tell the frame and the clip that they belong to."""
    rng = np.random.default_rng(number)
    told = np.stack([np.full(frames, number), np.arange(frames)], -1)
    features = np.concatenate([told, rng.standard_normal((frames, SPEECH - 2))], -1)
    return {
        "id": f"clip-{number}",
        "speaker": f"speaker-{number}",
        "motion": rng.standard_normal((frames, 70)).astype(np.float32).cumsum(0),
        "features": features.astype(np.float16),
        "audio": np.repeat(np.arange(frames), 640).astype(np.int16),
        "identity": rng.standard_normal(63).astype(np.float32),
        "emotion": emotion,
        "intensity": 0.75,
    }


def portrait(number: int, images: int = 4, speaker: str = "") -> dict:
    """A clip whose images are plain: green tells the clip, blue the image; so does motion."""
    colours = [(0, 20 * number, 50 * n) for n in range(images)]
    return {
        "id": f"clip-{number}",
        "speaker": speaker or f"speaker-{number}",
        "frames": [_jpeg(colour) for colour in colours],
        "rows": np.arange(images, dtype=np.int32) * 5,
        "motion": np.tile(np.arange(images, dtype=np.float32)[:, None], (1, 70)),
        "landmarks": np.tile(np.arange(images)[:, None, None], (1, 468, 2)).astype(np.float16),
        "identity": np.full(63, number, np.float32),
    }


def _jpeg(colour) -> bytes:
    image = np.full((16, 16, 3), colour[::-1], np.uint8)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()


@pytest.fixture(scope="session")
def talking_records() -> list[dict]:
    """Of many lengths, down to one frame; every other one is labelled."""
    lengths = (300, 7, 1, 120, 99, 200, 100, 101)
    return [talking(n, frames, n if n % 2 else -1) for n, frames in enumerate(lengths)]


@pytest.fixture(scope="session")
def portrait_records() -> list[dict]:
    """Six clips of four speakers."""
    return [portrait(n, 3 + n % 3, f"speaker-{n % 4}") for n in range(6)]
