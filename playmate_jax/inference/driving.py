"""Driving sources: the motion of a video, an image or a motion file, and its head under speech.

`reenactment.py` describes how a whole driving face moves a portrait. With speech, only the driving
head's pose is used (`follow`); expression and lips stay those of the speech:

    relative   changes since the driving source's first frame, applied to the portrait's own pose
    absolute   the driving head's angles as they are; scale and translation stay relative, because
               they speak of how the driving source was cropped, not of where its head points

The first frame is the first one that shows the face. Where a video does not show it (a black
beginning, a cutaway, somebody else) the motion is held and eased, see `motion/gaps.py`. A driving
source shorter than the speech is played back and forth; a longer one is cut.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.faces import track_video
from playmate_jax.faces.openness import openness_of
from playmate_jax.inference.motion_files import SUFFIXES, MotionClip, read_motion
from playmate_jax.inference.networks import Networks
from playmate_jax.inference.portrait import PortraitOptions, read_portrait
from playmate_jax.inference.reenactment import MODES, check_choice, reenact, towards
from playmate_jax.inference.video_frames import VideoPrefix
from playmate_jax.media import kind
from playmate_jax.motion.gaps import EASE_S, held_and_eased, unwrapped
from playmate_jax.motion.layout import ANGLES, FPS, POSE
from playmate_jax.motion.timing import back_and_forth, resample


@dataclass(frozen=True)
class Driving:
    """Motion of a driving head at its own frame times; one row for an image.

    Attributes:
      motion: (n, 70) as in `motion/layout.py`, angles without turns of 360 degrees.
      times_s: of the rows, from 0.
      duration_s: of all of them.
      openness: of the left eye, the right eye and the lips, where it is known.
      gaps_s: (first, last second) of the spans in which a video does not show the face.
      remarks: what the user should know of the file.
    """

    motion: Float[np.ndarray, "n m"]
    times_s: Float[np.ndarray, "n"]
    duration_s: Fraction = Fraction(1, FPS)
    openness: Float[np.ndarray, "n 3"] | None = None
    gaps_s: tuple[tuple[float, float], ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        """Whether this is one image: there is no first frame to change from."""
        return len(self.motion) == 1

    def at(self, times_s: Float[np.ndarray, "t"]) -> MotionClip:
        """The motion at the times of other frames; the clip's `fps` is their mean rate."""
        known = None
        if self.openness is not None:
            known = resample(self.openness, self.times_s, times_s)
        fps = (len(times_s) - 1) / times_s[-1] if len(times_s) > 1 else float(FPS)
        return MotionClip(resample(self.motion, self.times_s, times_s), fps, known)

    def at_25_fps(self) -> MotionClip:
        """The motion at 25 frames a second, as long as the source lasts; of an image one frame."""
        count = 1 if self.held else max(1, round(self.duration_s * FPS))
        clip = self.at(np.arange(count) / FPS)
        return MotionClip(clip.motion, FPS, clip.openness)


def read_driving(path: str | Path, networks: Networks, longest: int) -> Driving:
    """Motion of every driving frame, as long as at most `longest` frames at 25 fps.

    Raises:
      UserError: no such source, or no face in it.
    """
    path, until_s = Path(path), Fraction(longest, FPS)
    if path.suffix.lower() in SUFFIXES:
        return _of_file(read_motion(path), until_s)
    what = kind(path)
    if what == "audio":
        raise UserError(
            f"expected a driving video, image or motion file, found the recording "
            f"'{path}' without images: give one with a head in it"
        )
    # keeps the driving head's roll
    networks = replace(networks, framing={**networks.framing, "rotate": False})
    if what == "video":
        return _of_video(VideoPrefix(path, until_s), networks)
    seen = read_portrait(path, networks, PortraitOptions(paste=False))
    own = None if seen.openness is None else seen.openness[None]
    return Driving(networks.renderer.motion_of_all([seen.face]), np.zeros(1), openness=own)


def _of_file(clip: MotionClip, until_s: Fraction) -> Driving:
    count = max(1, min(len(clip.motion), int(until_s * Fraction(clip.fps)) + 1))
    known = None if clip.openness is None else clip.openness[:count]
    duration = min(len(clip.motion) / Fraction(clip.fps), until_s)
    times = np.arange(count) / clip.fps
    return Driving(unwrapped(clip.motion[:count]), times, duration, known)


def _of_video(reader: VideoPrefix, networks: Networks) -> Driving:
    # One square for the clip: the head moves within it, and that is motion too.
    track = track_video(reader, networks.landmarker(), smooth_s=None, **networks.framing)
    renderer = networks.renderer
    motion = renderer.motion_of_all(track.crops(reader, renderer.input_size, "edge"))
    times = np.array([float(time) for time in track.times_s])
    duration = track.times_s[-1] + 1 / reader.fps
    eased = round(EASE_S * reader.fps)
    return Driving(
        held_and_eased(unwrapped(motion), track.seen, track.cuts, eased),
        times,
        duration,
        openness_of(track.faces),
        tuple(track.gaps_s(duration)),
        tuple(reader.remarks),
    )


def follow(
    driving: Float[np.ndarray, "n m"],
    own: Float[np.ndarray, "m"],
    count: int,
    mode: str = "relative",
    gain: float = 1.0,
) -> Float[np.ndarray, "t 7"]:
    """The portrait's pose over `count` frames when it follows a driving head.

    Args:
      driving: motion of the driving head; its expression is not used.
      own: the portrait's own motion.
      mode: "relative" or "absolute"; one single driving frame is always absolute.
      gain: of what departs from the portrait's own pose: 0 keeps the head still, 1 follows.
    """
    check_choice("pose", mode, MODES)
    looped = back_and_forth(driving, count)
    moved = reenact(looped, own)
    if mode == "absolute" or len(driving) == 1:
        moved[:, ANGLES] = looped[:, ANGLES]
    return towards(own, moved, gain)[:, POSE].astype(np.float32)
