"""Eye and lip retargeting: openness is taken from the driving face, by two MLPs.

The networks take x_s, the portrait's own openness and the wanted one, and give offsets that are
added to the driving keypoints. As the openness then decide, the driving expression leaves the
keypoints of that part alone. (LivePortrait adds the offsets to x_s and drops all other motion where
it is relative, adds them to the moved part where it is absolute, and reads the left eye's opening
alone where this takes the mean of both.)
"""

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.inference.face_renderer import FaceRenderer, Openness
from playmate_jax.inference.reenactment import check_choice, without
from playmate_jax.inference.scene import Scene

PARTS = ("eyes", "lips", "both")
OPEN_LIPS = 0.03  # LivePortrait's threshold: lips further open are shut before relative motion


def retargeted(
    renderer: FaceRenderer,
    scene: Scene,
    motion: Float[np.ndarray, "t m"],
    openness: Float[np.ndarray, "t 3"] | None,
    part: str,
    driving: str,
) -> tuple[Float[np.ndarray, "t m"], Openness]:
    """(motion without that part's expression, how far it is to open instead).

    Args:
      openness: of the driving face, see `faces/openness.py`.
      part: "eyes", "lips" or "both".
      driving: names the driving source in errors.

    Raises:
      UserError: openness or networks are missing.
    """
    check_choice("retarget", part, PARTS)
    if scene.openness is None:
        raise UserError(
            "expected a portrait whose face is looked for, to retarget eyes or lips, found "
            "--no-crop or --face-box: leave one of the two out"
        )
    if not renderer.retargets:
        raise UserError(
            "expected weights with the eye and lip retargeters, found some without: give "
            "LivePortrait's, or ask for no retargeting"
        )
    if openness is None:
        raise UserError(
            "expected a driving source with the openness of eyes and lips, found "
            f"'{driving}', which has none: give the video itself, or a LivePortrait template with "
            "its ratios"
        )
    wanted = np.full((len(motion), 2), np.nan, np.float32)
    if part in ("eyes", "both"):
        wanted[:, 0], motion = openness[:, :2].mean(-1), without(motion, scene.own, "eyes")
    if part in ("lips", "both"):
        wanted[:, 1], motion = openness[:, 2], without(motion, scene.own, "lips")
    return motion, Openness(scene.openness, wanted)


def shut_lips(renderer: FaceRenderer, scene: Scene, count: int) -> Openness | None:
    """Closes an open mouth, which relative motion would start from, in every frame that shows one;
    None where there is no need or no network. (LivePortrait's `normalize_lip`, added before
    stitching, not after.)"""
    if scene.openness is None or not renderer.retargets:
        return None
    gaping = np.broadcast_to(scene.openness, (count, 3))[:, 2] >= OPEN_LIPS
    wanted = np.full((count, 2), np.nan, np.float32)
    wanted[gaping, 1] = 0
    return Openness(scene.openness, wanted) if gaping.any() else None
