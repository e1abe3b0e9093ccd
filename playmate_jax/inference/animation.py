"""A moving portrait, whose motion is known and whose frames are drawn on request.

    animation = animator.animate("portrait.jpg", "speech.wav")
    animation.write("out.mp4")             # or: for frame in animation: ...  uint8 (h, w, 3)

Frames are drawn, pasted and encoded at the same time, batch by batch, a bounded number ahead
(inference/ahead.py), so memory does not grow with the length.
"""

import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.inference.face_renderer import SourceFace
from playmate_jax.inference.motion_files import MotionClip, write_motion
from playmate_jax.media.audio import Sound
from playmate_jax.media.credentials import Credentials
from playmate_jax.media.mark import Mark
from playmate_jax.media.writer import VideoWriter
from playmate_jax.motion.gaps import unwrapped
from playmate_jax.motion.layout import FPS
from playmate_jax.motion.timing import resample

Frame = UInt8[np.ndarray, "h w 3"]
Progress = Callable[[str, int, int], None]


def no_progress(phase: str, done: int, total: int) -> None:
    """The default progress callback, which reports nothing."""


@contextmanager
def timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    """Adds the wall time of a phase to `seconds`."""
    began = time.perf_counter()
    yield
    seconds[phase] = time.perf_counter() - began


@dataclass
class Animation:
    """One portrait or source video that speaks a recording or follows another face.

    Attributes:
      motion: (t, 70), see motion/layout.py.
      sound: what is put under the images, if anything.
      size: (width, height) of the frames.
      draw: motion to finished frames, in order, a batch ahead at most.
      source_face: what the networks know of the portrait (of a source video's first frame).
      notices: sentences that the user should read.
      facts: what was used: seed, face box, names of weights ... (plain values).
      seconds: wall time of each phase so far.
      fps: frames a second; the mean where they vary.
      times_s: when each frame is shown, where their rate varies.
      changing: (left, top, right, bottom) of what differs between frames, where that is known:
        `draw` then paints each frame over the one before.
    """

    motion: Float[np.ndarray, "t m"]
    sound: Sound | None
    size: tuple[int, int]
    draw: Callable[[Float[np.ndarray, "t m"]], Generator[Frame]]
    source_face: SourceFace
    notices: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    fps: Fraction | int = FPS
    times_s: Sequence[Fraction] | None = None
    changing: tuple[int, int, int, int] | None = None

    def __len__(self) -> int:
        return len(self.motion)

    def __iter__(self) -> Iterator[Frame]:
        """The frames in order; every iteration draws them anew, alike."""
        frames = self.draw(self.motion)
        return frames if self.changing is None else map(np.copy, frames)

    def write(
        self,
        path: str | os.PathLike,
        *,
        overwrite: bool = False,
        progress: Progress = no_progress,
        keep_stopped: bool = False,
        mark: bool = False,
        credentials: Credentials | None = None,
    ) -> Path:
        """Writes the video with its sound; it appears under its name when it is complete.

        Args:
          keep_stopped: at Ctrl-C, completes what was written as NAME.stopped.mp4 beside its place.
          mark: puts the label "AI-generated" into a corner of every frame.
          credentials: sign a C2PA manifest in the file.

        Raises:
          UserError: the place cannot be written, or the file exists and `overwrite` is False.
          Stopped: Ctrl-C, where `keep_stopped` kept a file.
        """
        began = time.perf_counter()
        samples, hz = self.sound or (None, 0)
        writer = VideoWriter(
            path, self.fps, self.size, samples, hz, overwrite=overwrite, times_s=self.times_s,
            keep_stopped=keep_stopped, seal=None if credentials is None else credentials.sign,
        )  # fmt: skip
        marked = Mark(self.size).on if mark else nullcontext
        progress("render", 0, len(self))
        with writer as out, closing(self.draw(self.motion)) as frames:
            for done, frame in enumerate(frames, 1):
                with marked(frame) as shown:
                    out.write(shown, self.changing)
                progress("render", done, len(self))
        self.seconds["render"] = time.perf_counter() - began
        return Path(path)

    def save_motion(self, path: str | Path) -> None:
        """Writes the motion, for `driving`: at the frame rate, or at 25 fps where that varies."""
        motion, fps = self.motion, float(self.fps)
        if self.times_s is not None:
            at = np.array([float(time) for time in self.times_s])
            fps = float(FPS)
            motion = resample(unwrapped(motion), at, np.arange(0, at[-1] + 1e-6, 1 / FPS))
        write_motion(path, MotionClip(motion, fps))

    def summary(self) -> dict[str, Any]:
        """Plain values about the clip and how it was made."""
        return {
            "frames": len(self),
            "fps": self.fps if isinstance(self.fps, int) else round(float(self.fps), 3),
            "seconds": float(len(self) / self.fps),
            "width": self.size[0],
            "height": self.size[1],
            **self.facts,
            "notices": self.notices,
            "wall_seconds": {name: round(s, 3) for name, s in self.seconds.items()},
        }
