"""From a driving face to motion: a portrait or a source video makes that face.

driving source -> motion at its own frame times, held and eased over gaps
               -> at the frame times of what is drawn -> `reenactment` -> retargeting
"""

from dataclasses import dataclass, replace
from pathlib import Path

from playmate_jax.inference import notices
from playmate_jax.inference.animation import timed
from playmate_jax.inference.driving import Driving, read_driving
from playmate_jax.inference.motion_files import MotionClip
from playmate_jax.inference.networks import Networks
from playmate_jax.inference.planned import Planned
from playmate_jax.inference.portrait import PortraitOptions, RgbImage
from playmate_jax.inference.reenactment import (
    MODES,
    REGIONS,
    check_choice,
    reenact,
    smooth,
    towards,
)
from playmate_jax.inference.retargeting import retargeted, shut_lips
from playmate_jax.inference.scene import Scene, read_scene
from playmate_jax.inference.sound import LONGEST_S, first_sound
from playmate_jax.motion.layout import FPS, POSE
from playmate_jax.motion.timing import back_and_forth


@dataclass(frozen=True)
class ReenactmentOptions:
    """How a driving face moves a portrait; as `Animator.reenact` has them.

    Raises:
      UserError: a word that none of the choices is.
    """

    pose: str = "relative"
    region: str = "all"
    head_motion: float = 1.0
    gain: float = 1.0
    smooth_s: float = 0.0
    retarget: str | None = None

    def __post_init__(self):
        check_choice("pose", self.pose, MODES)
        check_choice("region", self.region, REGIONS)


def make_face(
    networks: Networks,
    portrait: str | Path | RgbImage,
    driving: str | Path,
    options: ReenactmentOptions,
    shown: PortraitOptions,
    seconds: dict[str, float],
) -> Planned:
    """The scene and its motion; nothing is drawn yet.

    Args:
      seconds: takes the wall time of each phase.

    Raises:
      UserError: whatever is wrong with the inputs, in one sentence.
    """
    with timed(seconds, "driving"):
        driver = read_driving(driving, networks, LONGEST_S * FPS)
    with timed(seconds, "look"):
        longest_s = None if driver.held else driver.duration_s
        scene = read_scene(portrait, networks, shown, longest_s, "the driving source")
    clip = _clip(driver, scene)
    pose = "absolute" if driver.held else options.pose
    driven = smooth(clip.motion, options.smooth_s * float(scene.fps))
    motion = reenact(driven, scene.own, pose, options.region, options.gain)
    if options.head_motion != 1:
        motion[:, POSE] = towards(scene.own, motion, options.head_motion)[:, POSE]
    asked = None
    if options.retarget is not None:
        motion, asked = retargeted(
            networks.renderer, scene, motion, clip.openness, options.retarget, str(driving)
        )
    elif pose == "relative" and options.region in ("all", "expression", "lips"):
        asked = shut_lips(networks.renderer, scene, len(motion))
    facts = {
        "driving": str(driving),
        "pose": pose,
        "region": options.region,
        "head_motion": options.head_motion,
        "gain": options.gain,
        "smooth_s": options.smooth_s,
        "retarget": options.retarget,
        "driving_held_s": driver.gaps_s,
    }
    remarks = [*notices.driving_gaps(driver.gaps_s), *driver.remarks]
    if asked is not None:
        scene = scene.drawn_with(asked)
    sound = first_sound(driving, portrait, remarks=remarks)
    return Planned(scene, scene.faded(motion), sound, facts, remarks)


def _clip(driver: Driving, scene: Scene) -> MotionClip:
    """The driving motion at the frame times of what is drawn; an image is held for a second, or as
    long as a source video lasts."""
    if scene.video is not None:
        return driver.at(scene.video.seconds)
    clip = driver.at_25_fps()
    count = FPS if driver.held else len(clip.motion)
    known = None if clip.openness is None else back_and_forth(clip.openness, count)
    return replace(clip, motion=back_and_forth(clip.motion, count), openness=known)
