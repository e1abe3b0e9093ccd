"""The networks of the pipeline: one set of weights, and a face landmarker."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from playmate_jax.faces import Landmarker
from playmate_jax.inference.face_renderer import FaceRenderer
from playmate_jax.inference.motion_generator import MotionGenerator


@dataclass(frozen=True)
class Networks:
    """One set of weights, loaded.

    Attributes:
      renderer: F, M, W, G.
      framing: arguments of `faces.crop_face` that it was trained with.
      landmarker: gives the detector of faces; called only where one is looked for.
      generator: speech to motion, if there is one.
    """

    renderer: FaceRenderer
    framing: Mapping[str, Any]
    landmarker: Callable[[], Landmarker]
    generator: MotionGenerator | None = None
