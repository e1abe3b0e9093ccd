"""From speech to motion: what the pipeline asks of a generator, and the table of those it knows.

A generator is any callable of `MotionGenerator`'s shape. The pipeline names none of them: the
`kind` in a generator's `config.json` picks its loader from `LOADERS`, so another system's generator
is one more row there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError, nearest
from playmate_jax.models.weights import load_weights


@dataclass(frozen=True)
class Request:
    """What a clip shall be like.

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

    def filled(self, **own: Any) -> "Request":
        """With `own` wherever the request leaves something open."""
        return replace(self, **{k: v for k, v in own.items() if getattr(self, k) is None})


Progress = Callable[[int, int], None]


@runtime_checkable
class MotionGenerator(Protocol):
    """Speech and a request to motion."""

    def settled(self, request: Request) -> Request:
        """The request, what it leaves open answered the generator's own way."""

    def __call__(
        self, audio: Float[np.ndarray, "s"], request: Request, progress: Progress
    ) -> Float[np.ndarray, "t 70"]:
        """Motion at 25 fps, ceil(s / 640) frames, in the renderer's units.

        Args:
          audio: mono, 16 kHz, [-1, 1].
          progress: called with (frames done, frames in all) as they come.
        """


# (config, params, card, the directory they are from) -> generator
Loader = Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any], Path], MotionGenerator]


def _playmate(*parts) -> MotionGenerator:
    from playmate_jax.inference import playmate_generator

    return playmate_generator.load(*parts)


def _joyvasa(*parts) -> MotionGenerator:
    from playmate_jax.inference import joyvasa_generator

    return joyvasa_generator.load(*parts)


LOADERS: dict[str, Loader] = {"playmate": _playmate, "joyvasa": _joyvasa}


def load_generator(directory: Path) -> tuple[MotionGenerator, dict[str, Any]]:
    """The generator in a weights directory, and its card.

    Raises:
      UserError: damaged, or of a kind that is not known here.
    """
    config, params, card = load_weights(directory)
    kind = str(config.get("kind", "something else"))
    if kind not in LOADERS:
        raise UserError(
            f"expected the weights of a motion generator ({', '.join(LOADERS)}) in {directory}, "
            f"found those of '{kind}'{nearest(kind, LOADERS)}: give another folder"
        )
    return LOADERS[kind](config, params, card, Path(directory)), card
