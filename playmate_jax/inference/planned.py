"""The result of `talk` and `make_face`: all that an `Animation` needs but the weights' names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.inference.animation import Animation
from playmate_jax.inference.scene import Scene
from playmate_jax.media import Sound


@dataclass(frozen=True)
class Planned:
    """A scene and its motion.

    Attributes:
      scene: what is drawn into.
      motion: (t, 70) of its frames.
      sound: what is put under them, if anything.
      facts: what was used (plain values).
      notices: what the user should know.
    """

    scene: Scene
    motion: Float[np.ndarray, "t m"]
    sound: Sound | None
    facts: dict[str, Any]
    notices: list[str] = field(default_factory=list)

    def animation(
        self, facts: Mapping[str, Any], notices: Sequence[str], seconds: dict[str, float]
    ) -> Animation:
        """The animation, not drawn yet; `facts` go before the plan's own, `notices` after them."""
        scene, video = self.scene, self.scene.video
        merged = {**facts, **self.facts, "face_box": list(scene.box)}
        merged["faces_found"] = scene.faces_found
        if video is not None:
            merged["frames_left_alone"] = int((~video.track.seen[: len(self.motion)]).sum())
            merged["left_alone_s"] = video.gaps_s
        varying = video is not None and video.steady_fps is None
        return Animation(
            self.motion, self.sound, scene.size, scene.draw, scene.source_face,
            list(dict.fromkeys([*scene.notices, *self.notices, *notices])), merged, seconds,
            fps=int(scene.fps) if scene.fps == int(scene.fps) else scene.fps,
            times_s=video.times_s if video is not None and varying else None,
            changing=scene.changing,
        )  # fmt: skip
