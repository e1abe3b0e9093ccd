"""What is animated: a portrait, encoded once by F and M, or a source video, frame by frame."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.faces.openness import openness_of
from playmate_jax.inference import notices
from playmate_jax.inference.ahead import ahead
from playmate_jax.inference.face_renderer import Openness, SourceFace
from playmate_jax.inference.networks import Networks
from playmate_jax.inference.portrait import PortraitOptions, RgbImage, read_portrait
from playmate_jax.inference.source_video import SourceVideo, read_source_video
from playmate_jax.media import is_video
from playmate_jax.motion.gaps import unwrapped
from playmate_jax.motion.layout import FPS
from playmate_jax.motion.timing import resample


@dataclass(frozen=True)
class Scene:
    """A portrait or source video, encoded by the networks.

    Attributes:
      source_face: of the portrait, or of the first frame of a video that shows the face.
      own: its motion: (70,), or (t, 70) for a video.
      draw: motion (t, 70), and `openness` where they are asked for, to finished frames; of an
        image, the next frame may be painted over the one before.
      size: (width, height) of the frames.
      openness: how far left eye, right eye and lips are open, if known: (3,), or (t, 3) for a
        video.
      box, faces_found, changing: as `Portrait` has them.
      notices: what the user should know.
      video: the source video, if it is one.
    """

    source_face: SourceFace
    own: Float[np.ndarray, "*t m"]
    draw: Callable[..., Generator[RgbImage]]
    size: tuple[int, int]
    openness: Float[np.ndarray, "*t 3"] | None = None
    box: tuple[int, ...] = ()
    faces_found: int = 1
    changing: tuple[int, int, int, int] | None = None
    notices: tuple[str, ...] = ()
    video: SourceVideo | None = None

    @property
    def is_video(self) -> bool:
        """Whether this is a source video."""
        return self.video is not None

    @property
    def fps(self) -> Fraction | int:
        """The frame rate; the mean where it varies."""
        return FPS if self.video is None else self.video.fps

    def frames_at_25(self, count: int) -> int:
        """How many frames of motion at 25 fps are needed, `count` at most."""
        return count if self.video is None else min(count, self.video.frames_at_25)

    def at_own_times(self, motion: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "t m"]:
        """Motion at 25 fps, at the times of the frames that are drawn."""
        if self.video is None or self.video.steady_fps == FPS:
            return motion
        return resample(unwrapped(motion), np.arange(len(motion)) / FPS, self.video.seconds)

    def faded(self, motion: Float[np.ndarray, "t m"]) -> Float[np.ndarray, "t m"]:
        """The motion, where a source video shows its face; its own motion elsewhere."""
        if self.video is None or (self.video.strength == 1).all():
            return motion
        return self.own + self.video.strength[:, None] * (motion - self.own)

    def drawn_with(self, openness: Openness | None) -> "Scene":
        """The scene, whose frames open eyes and lips by the retargeting networks."""
        return (
            self if openness is None else replace(self, draw=partial(self.draw, openness=openness))
        )


def is_source_video(portrait: str | Path | RgbImage) -> bool:
    """Whether a portrait is a video, which an animated image is too."""
    return not isinstance(portrait, np.ndarray) and is_video(portrait)


def read_scene(
    portrait: str | Path | RgbImage,
    networks: Networks,
    options: PortraitOptions,
    longest_s: Fraction | None,
    mover: str,
) -> Scene:
    """An image, or the first `longest_s` seconds of a video (None: all), encoded by F and M.

    Args:
      mover: what sets that length, for the user: "the speech".

    Raises:
      UserError: neither, or no such face in it.
    """
    if not isinstance(portrait, np.ndarray) and is_video(portrait):
        return _of_video(portrait, networks, options, longest_s, mover)
    seen, renderer = read_portrait(portrait, networks, options), networks.renderer
    source_face = renderer.encode_source(seen.face)

    def blended(motion, openness):
        overlap = len(motion) > renderer.batch  # a stream's hops would only wait for threads
        with ahead(renderer.draw(source_face, motion, openness), 1, overlap) as batches:
            for faces in batches:
                yield from map(seen.blend, faces)

    def draw(motion, openness=None):
        with ahead(
            blended(motion, openness), renderer.batch, len(motion) > renderer.batch
        ) as parts:
            yield from map(seen.finish, parts)

    remarks = tuple(filter(None, (seen.notice, notices.large(seen.size))))
    return Scene(
        source_face, source_face.motion, draw, seen.size, seen.openness, seen.box,
        seen.faces_found, seen.changing, remarks,
    )  # fmt: skip


def _of_video(
    path: str | Path,
    networks: Networks,
    options: PortraitOptions,
    longest_s: Fraction | None,
    mover: str,
) -> Scene:
    for given, option, reason in (
        (not options.crop, "--no-crop", "the face is followed through it"),
        (options.face_box, "--face-box", "the face is followed through it, --face N chooses one"),
        (options.max_side, "--max-side", "a video keeps its size"),
    ):
        if given:
            raise UserError(
                f"expected an image with {option}, found a source video: leave {option} out, "
                f"{reason}"
            )
    video, renderer = read_source_video(path, networks, longest_s, options.face), networks.renderer
    size = video.reader.size if options.paste else (renderer.output_size,) * 2
    ends_s = float(video.duration_s)
    whole_s = video.reader.duration_s if video.reader.goes_on else ends_s
    early = longest_s is not None and video.frames_at_25 < longest_s * FPS
    remarks = (
        notices.video_ends(ends_s) if early else notices.video_goes_on(whole_s, ends_s, mover),
        notices.left_alone(video.gaps_s, int((~video.track.seen).sum()), len(video)),
    )
    own = video.motion()
    return Scene(
        renderer.encode_source(next(video.crops())), own, partial(video.draw, paste=options.paste),
        size, openness_of(video.track.faces), video=video,
        notices=(*filter(None, remarks), *video.reader.remarks),
    )  # fmt: skip
