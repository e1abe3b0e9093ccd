"""A world without videos: sources whose names tell what becomes of them, made in no time."""

import dataclasses
import os
import signal
import time

import numpy as np

from playmate_jax.data.records import Clip, Dropped
from playmate_jax.data.shards import Record
from playmate_jax.errors import UserError
from playmate_jax.motion.moments import Moments
from playmate_jax.prepare.ledger import EncodedClip
from playmate_jax.prepare.plan import Source

WAIT = "FAKE_WAIT_S"  # in the environment: how long a clip takes


@dataclasses.dataclass(frozen=True)
class FakeConfig:
    """Settings of the fake; `broken` says what is wrong with them, for `maker` to complain of."""

    speech_size: int = 4
    image_size: int = 8
    broken: str = ""

    def maker(self):
        if self.broken == "settings":
            raise UserError("expected weights, found none: fetch them")
        if self.broken == "start":
            os.kill(os.getpid(), signal.SIGSEGV)
        return make


def make(source: Source):
    """Two clips of a good source; the file's name says what else happens."""
    for number in range(2):
        time.sleep(float(os.environ.get(WAIT, "0")))
        if number == 1:
            accident(source)
        yield clip(source, number)


def names_alone():
    """An encoder that is quick to load, for those who only look at names."""
    return lambda clip: clip.id


def load_light_encoder(kinds, speech_size, image_size):
    """An encoder that is quick to load: records that nobody can read, with true statistics."""
    return lambda clip: light(clip, kinds)


def light(clip: Clip, kinds) -> EncodedClip:
    """`EncodedClip` without TFDS and JAX, which take seconds to import."""
    row = (clip.id, len(clip.motion), len(clip.frames), clip.speaker, clip.emotion)
    parts = {
        "expression": clip.motion[:, :63],
        "pose_std": clip.motion[:, 63:].std(0)[None],
        "speech": clip.features,
        "identity": clip.identity[None],
    }
    return EncodedClip(
        {"id": clip.id, "split": clip.split, "speaker": clip.speaker, "seconds": 3.0},
        {kind: Record(f"{kind} {clip.id}".encode() + clip.motion.tobytes(), row) for kind in kinds},
        {name: Moments.of(rows).to_json() for name, rows in parts.items()},
    )


def accident(source: Source) -> None:
    """What the file's name says."""
    name = os.path.basename(source.path)
    if "crash" in name:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "once" in name and not os.path.exists(source.path):
        open(source.path, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if "hang" in name:
        time.sleep(1000)
    if "defect" in name:
        raise ZeroDivisionError(f"of {object()}")
    if "who" in name:
        raise LookupError(os.getpid())
    if "full" in name:
        raise OSError(28, "No space left on device", source.path)


def clip(source: Source, number: int):
    """One clip of a source: arrays that follow from its name."""
    name = f"{source.id}-{number:03d}"
    if "short" in source.path:
        return Dropped(name, source.path, "quality", "shorter than 3 s", {"seconds": 1.5})
    random = np.random.default_rng([*name.encode()])
    frames = int(random.integers(75, 80))
    return Clip(
        id=name,
        source=f"{source.path} 0-3 s",
        speaker=source.speaker,
        dataset=source.dataset,
        split=source.split,
        audio=random.integers(-9, 9, 640 * frames).astype(np.int16),
        motion=random.normal(size=(frames, 70)).astype(np.float32),
        features=random.normal(size=(frames, 4)).astype(np.float16),
        identity=random.normal(size=63).astype(np.float32),
        frames=(b"\xff\xd8jpeg\xff\xd9",) * 2,
        rows=np.array([0, frames - 1], np.int32),
    )


def sources(count: int, *paths: str) -> list[Source]:
    """`count` good sources, and one for each of `paths`; every fifth speaker is in validation."""
    names = [*(f"good {number} é.mp4" for number in range(count)), *paths]
    return [
        Source(
            id=f"fake-{number:04d}", path=name, dataset="folder", speaker=f"speaker-{number}",
            split="validation" if number % 5 == 4 else "train",
        )
        for number, name in enumerate(names)
    ]  # fmt: skip
