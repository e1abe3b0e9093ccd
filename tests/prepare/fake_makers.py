"""A world without videos: sources whose names tell what becomes of them, made in no time."""

import dataclasses
import os
import signal
import time

import numpy as np

from playmate_jax.data.records import Clip, Dropped
from playmate_jax.errors import UserError
from playmate_jax.prepare.source import Source


@dataclasses.dataclass(frozen=True)
class FakeConfig:
    """Settings of the fake.

    Attributes:
      wait_s: before each clip.
      broken: what is wrong with the settings, for `maker` to complain about.
    """

    speech_size: int = 4
    image_size: int = 8
    wait_s: float = 0.0
    broken: str = ""

    def maker(self):
        if self.broken == "settings":
            raise UserError("expected weights, found none: fetch them")
        if self.broken == "start":
            os.kill(os.getpid(), signal.SIGSEGV)
        return self.make

    def make(self, source: Source):
        """Two clips of a good source; the path says what else happens."""
        for number in range(2):
            time.sleep(self.wait_s)
            if number == 1:
                accident(source)
            yield clip(source, number)


def accident(source: Source) -> None:
    """What the path of a source says."""
    if "crash" in source.path:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "once" in source.path and not os.path.exists(source.path):
        open(source.path, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if "hang" in source.path:
        time.sleep(1000)
    if "defect" in source.path:
        raise ZeroDivisionError(f"of {object()}")
    if "full" in source.path:
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
