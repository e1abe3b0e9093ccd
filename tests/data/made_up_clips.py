"""Clips of noise, a data set of them, and what it means that one was read back."""

import cv2
import numpy as np

from playmate_jax.data.records import NO_EMOTION, Clip
from playmate_jax.data.shards import ShardWriter, shard_name, write_checksums, write_metadata

SIZE, SPEECH = 32, 12


def made_up_clip(number: int, frames: int = 10, images: int = 3) -> Clip:
    """A clip of noise; every third one has no emotion."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 255, (images, SIZE, SIZE, 3), np.uint8)
    return Clip(
        id=f"clip-{number:03d}",
        source="Bücher/été 1.mp4 0.0-0.4 s",
        speaker=f"speaker-{number}",
        dataset="drawn",
        split="train",
        audio=rng.integers(-(2**15), 2**15, 640 * frames).astype(np.int16),
        motion=rng.standard_normal((frames, 70), dtype=np.float32),
        features=rng.standard_normal((frames, SPEECH)).astype(np.float16),
        identity=rng.standard_normal(63, dtype=np.float32),
        emotion=number % 8 if number % 3 else NO_EMOTION,
        intensity=0.5,
        language="de",
        quality={"sharpness": 31.5, "face_px": 120.0},
        frames=tuple(cv2.imencode(".jpg", image)[1].tobytes() for image in pixels),
        rows=np.arange(images, dtype=np.int32) * 2,
        landmarks=rng.uniform(0, SIZE, (images, 468, 2)).astype(np.float16),
        truth={
            "units": rng.random((frames, 18), np.float32),
            "emotions": rng.random((frames, 8), np.float32),
            "phonemes": np.array([[3, 0.0, 0.25], [7, 0.25, 0.4]], np.float32),
            "person": np.array([5, number]),
        },
    )


def write_data_set(root, kind, clips_of_shards, *splits):
    """A whole version folder; every split, or "train" alone, holds the same clips."""
    folder, shards = root / kind / "1.0.0", {}
    for split in splits or ("train",):
        for number, clips in enumerate(clips_of_shards):
            path = folder / shard_name(kind, split, number, len(clips_of_shards))
            with ShardWriter(path, kind, SPEECH, SIZE) as writer:
                for clip in clips:
                    writer.write(clip)
            shards.setdefault(split, []).append(writer.shard)
    write_metadata(folder, kind, {**shards, "test": []}, SPEECH, SIZE)
    write_checksums(folder)
    return folder


def assert_same(found, wanted):
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        if name == "truth":
            assert_same(found[name], value)
        elif name == "quality":
            assert found[name] == dict(zip(value["score"], value["value"], strict=True))
        elif isinstance(value, np.ndarray):
            assert found[name].dtype == value.dtype, name
            np.testing.assert_array_equal(found[name], value, strict=True, err_msg=name)
        else:
            assert found[name] == value, name
