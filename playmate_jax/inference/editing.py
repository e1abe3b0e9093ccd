"""One image of a portrait, edited by hand: head, eyes, lips and expression, by named amounts.

    editor = animator.editor("portrait.jpg")
    image = editor.draw({"yaw": 10, "smile": 0.6, "eyes": -1})

Amounts are 0 where nothing changes. The head's are added to the portrait's own pose. Expressions
are those of `inference/expressions.py`. Eyes and lips are opened by the retargeting networks where
the weights have them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError, nearest
from playmate_jax.inference.expressions import displacement, face_space
from playmate_jax.inference.face_renderer import Openness
from playmate_jax.inference.networks import Networks
from playmate_jax.inference.portrait import PortraitOptions, RgbImage
from playmate_jax.inference.scene import Scene, is_source_video, read_scene
from playmate_jax.motion.layout import EXPRESSION, PITCH, ROLL, SCALE, TRANSLATION, YAW

# Name: lowest and highest amount. Degrees; translations in half crops; parts of the face's size.
HEAD = {
    "pitch": (-15.0, 15.0), "yaw": (-25.0, 25.0), "roll": (-15.0, 15.0),
    "x": (-0.15, 0.15), "y": (-0.15, 0.15), "size": (-0.1, 0.2),
}  # fmt: skip
FACE = {
    "eyes": (-1.0, 1.0), "wink": (0.0, 1.0), "brows": (-1.0, 1.0), "gaze_x": (-1.0, 1.0),
    "gaze_y": (-1.0, 1.0), "lips": (0.0, 1.0), "smile": (-1.0, 1.0), "pout": (0.0, 1.0),
}  # fmt: skip
AMOUNTS = HEAD | FACE
OPENED = ("eyes", "lips")  # by the retargeters, where there are some

_WIDEST = np.array([0.35, 0.6], np.float32)  # more openness of eyes and lips, at amount 1


@dataclass(frozen=True)
class Editor:
    """A portrait, encoded once, to be drawn with any amounts.

    Attributes:
      scene: the portrait.
      space: "drawn" or "liveportrait" where expressions have names, or "".
      retargets: whether the weights open eyes and lips by networks.
      batch: frames that are drawn at a time; one is wanted.
      notices: what the user should know.
    """

    scene: Scene
    space: str
    retargets: bool
    notices: list[str]

    def draw(self, amounts: Mapping[str, Any]) -> RgbImage:
        """The finished image, in the portrait's size; the next one may be painted over it.

        Args:
          amounts: by the names of `AMOUNTS`; what is left out is 0.

        Raises:
          UserError: an unknown name, an amount outside its range, an expression that these weights
            have no name for.
        """
        checked = checked_amounts(amounts)
        motion = self.motion(checked)
        wanted = self._openness(checked)
        scene = self.scene if wanted is None else self.scene.drawn_with(wanted)
        return next(iter(scene.draw(motion[None])))

    def motion(self, amounts: Mapping[str, float]) -> Float[np.ndarray, "70"]:
        """The motion vector of these amounts, without what the retargeters do."""
        moved = np.array(self.scene.own, np.float32)
        get = lambda name: amounts.get(name, 0.0)  # noqa: E731
        moved[[PITCH, YAW, ROLL]] += [get("pitch"), get("yaw"), get("roll")]
        moved[TRANSLATION] += [get("x"), get("y"), 0.0]
        moved[SCALE] *= 1 + get("size")
        for name in FACE:
            if (amount := get(name)) and not (self.retargets and name in OPENED):
                moved[EXPRESSION] += displacement(self.space, name, amount)
        return moved

    def _openness(self, amounts: Mapping[str, float]) -> Openness | None:
        asked = np.array([amounts.get(name, 0.0) for name in OPENED], np.float32)
        if not (self.retargets and asked.any()):
            return None
        own = self.scene.openness
        if own is None:
            return None
        now = np.array([own[:2].mean(), own[2]], np.float32)
        wanted = np.where(asked < 0, now * (1 + asked), now + asked * _WIDEST)
        return Openness(own, np.where(asked == 0, np.nan, wanted)[None].astype(np.float32))


def open_editor(
    networks: Networks, portrait: Any, shown: PortraitOptions, card: Mapping[str, Any]
) -> Editor:
    """Encodes a portrait.

    Args:
      card: of the renderer's weights, which says in which face space they are.

    Raises:
      UserError: no image, or no face in it.
    """
    if is_source_video(portrait):
        raise UserError("expected an image to edit, found a video: give one of its frames")
    scene = read_scene(portrait, networks, shown, None, "")
    return Editor(scene, face_space(card), networks.renderer.retargets, list(scene.notices))


def checked_amounts(amounts: Mapping[str, Any]) -> dict[str, float]:
    """The amounts, each within its range; raises `UserError` for others."""
    for name, amount in amounts.items():
        if name not in AMOUNTS:
            raise UserError(
                f"expected an amount of {', '.join(AMOUNTS)}, found '{name}'"
                f"{nearest(name, tuple(AMOUNTS))}"
            )
        low, high = AMOUNTS[name]
        is_number = isinstance(amount, int | float) and math.isfinite(amount)
        if not is_number or not low <= amount <= high:
            raise UserError(f"expected {name} from {low:g} to {high:g}, found {amount!r:.40}")
    return {name: float(amount) for name, amount in amounts.items()}
