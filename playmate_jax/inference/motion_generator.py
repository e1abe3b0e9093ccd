"""The interface of motion generators: the request they are given, and their protocol.

Any callable with the signature of `MotionGenerator` fits; `generators.py` lists the known ones. One
that can make motion while speech arrives is a `StreamingGenerator` too.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True)
class Request:
    """Generation options.

    Attributes:
      identity: canonical keypoints of the portrait (63,).
      own: the portrait's own motion vector (70,): the head moves around its pose.
      emotion: condition per frame (t, 8), or None for no condition.
      head_motion: gain of the generated head motion; 0 keeps the pose of `own`.
      audio_scale, emotion_scale: guidance (Eq. 8); None leaves the generator's own.
      sampler, steps: of the diffusion; None leaves the generator's own.
      seed: another seed, another motion.
    """

    identity: Float[np.ndarray, "63"]
    own: Float[np.ndarray, "70"]
    emotion: Float[np.ndarray, "t 8"] | None = None
    head_motion: float = 1.0
    audio_scale: float | None = None
    emotion_scale: float | None = None
    sampler: str | None = None
    steps: int | None = None
    seed: int = 0

    def with_defaults(self, **own: Any) -> "Request":
        """The request with `own` wherever it is None."""
        return replace(self, **{k: v for k, v in own.items() if getattr(self, k) is None})


Progress = Callable[[int, int], None]


@runtime_checkable
class MotionGenerator(Protocol):
    """Speech and a request to motion."""

    def with_defaults(self, request: Request) -> Request:
        """The request with the generator's own values wherever it is None."""

    def __call__(
        self, audio: Float[np.ndarray, "s"], request: Request, progress: Progress
    ) -> Float[np.ndarray, "t 70"]:
        """Motion at 25 fps, ceil(s / 640) frames, in the renderer's units.

        Args:
          audio: mono, 16 kHz, [-1, 1].
          progress: called with (frames done, frames in all) as they come.
        """


@runtime_checkable
class MotionStream(Protocol):
    """Motion of one portrait, one hop of frames after another; `PlaymateStream` says more."""

    hop: int
    lookahead: int
    context: int
    seconds: dict[str, deque[float]]

    def next(
        self,
        audio: Float[np.ndarray, "s"],
        speaking: Bool[np.ndarray, " hop"],
        emotion: Float[np.ndarray, "8"],
        head_motion: float,
    ) -> Float[np.ndarray, "hop 70"]:
        """The next hop, in the renderer's units."""

    def rewind(self, frames: int) -> None:
        """Takes back the newest frames, which were not shown."""


@runtime_checkable
class StreamingGenerator(Protocol):
    """A generator whose motion keeps up with speech."""

    def stream(
        self,
        request: Request,
        hop: int,
        lookahead: int,
        start: Float[np.ndarray, "s"],
        voice: Float[np.ndarray, "v"] | None,
    ) -> MotionStream:
        """The motion of one portrait in hops, as `request` asks for it."""
