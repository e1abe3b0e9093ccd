"""Named expressions as displacements of keypoints: a smile, a look sideways, raised brows.

What an expression means in numbers depends on the face space: the demo's is known by construction
(`synthetic/expression.py`), LivePortrait's from the sliders of its own page
(`src/gradio_pipeline.py`, MIT); no other face space has named expressions.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.motion.layout import KEYPOINTS
from playmate_jax.synthetic.expression import BASIS, UNIT

_NEED_NETWORKS = ("eyes", "lips")  # in other face spaces than the demo's
_Moves = Mapping[tuple[int, str], float]  # displacement by keypoint and axis
_UNITS: dict[str, Mapping[str, float]] = {
    "eyes": {"lid_l": -1, "lid_r": -1}, "wink": {"lid_l": 1}, "brows": {"brow_l": 1, "brow_r": 1},
    "gaze_x": {"gaze_x": 1}, "gaze_y": {"gaze_y": 1}, "lips": {"jaw": 1}, "smile": {"smile": 1},
    "pout": {"round": 1},
}  # fmt: skip
_WIDE_EYES = 0.3  # the least that a unit of a lid goes below rest
# At amounts 1 and -1; the second is the first one's opposite where it is left out.
_LIVEPORTRAIT: dict[str, tuple[_Moves, ...]] = {
    "smile": ({(20, "y"): -0.013, (14, "y"): -0.026, (17, "y"): 0.00845, (17, "z"): 0.0039,
               (13, "y"): -0.003575, (16, "y"): -0.003575, (3, "y"): -0.00455,
               (7, "y"): -0.00455},
              {(20, "y"): 0.003, (14, "y"): 0.006, (17, "y"): -0.00195, (17, "z"): -0.0009,
               (13, "y"): 0.000825, (16, "y"): 0.000825, (3, "y"): 0.00105, (7, "y"): 0.00105}),
    "wink": ({(11, "y"): 0.039, (13, "y"): -0.0117, (17, "x"): 0.0117, (17, "y"): 0.0117,
              (3, "y"): -0.0117},),
    "brows": ({(1, "y"): 0.03, (2, "y"): -0.03},
              {(1, "x"): 0.03, (2, "x"): -0.03, (1, "y"): -0.009, (2, "y"): 0.009}),
    "gaze_x": ({(11, "x"): 0.021, (15, "x"): 0.03}, {(11, "x"): -0.03, (15, "x"): -0.021}),
    "gaze_y": ({(11, "y"): 0.02, (15, "y"): 0.02, (13, "y"): 0.006, (16, "y"): 0.006},),
    "pout": ({(19, "x"): 0.09},),
}  # fmt: skip


def face_space(card: Mapping[str, Any]) -> str:
    """ "drawn" or "liveportrait" where expressions have names, or "".

    Args:
      card: of the renderer's weights.
    """
    spaces = {"drawn": "drawn", "photographs": "liveportrait"}
    known = card.get("domain") == "drawn" or str(card.get("name", "")).startswith("liveportrait")
    return spaces.get(str(card.get("domain")), "") if known else ""


def displacement(space: str, name: str, amount: float) -> Float[np.ndarray, "63"]:
    """What an expression adds to delta (Eq. 1).

    Args:
      space: see `face_space`. amount: within the range of `editing.FACE`.

    Raises:
      UserError: the face space has no such expression.
    """
    if space == "drawn":
        weight = min(amount, _WIDE_EYES) if name == "eyes" else amount
        return sum(weight * share * BASIS[UNIT[u]] for u, share in _UNITS[name].items())
    if space != "liveportrait" or name not in _LIVEPORTRAIT:
        need = "the retargeting networks" if name in _NEED_NETWORKS else "named expressions"
        raise UserError(
            f"expected weights with {need} for '{name}', found some without: leave it at 0, or "
            "use LivePortrait's or the demo's"
        )
    sides = _LIVEPORTRAIT[name]
    moves, weight = (sides[0], amount) if amount > 0 or len(sides) == 1 else (sides[1], -amount)
    delta = np.zeros((KEYPOINTS, 3), np.float32)
    for (keypoint, axis), move in moves.items():
        delta[keypoint, "xyz".index(axis)] = weight * move
    return delta.reshape(-1)
