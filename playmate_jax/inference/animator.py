"""`Animator`: a portrait and speech become an `Animation` (DESIGN, Generating).

    from playmate_jax.inference import Animator

    animator = Animator.from_weights("demo")
    animation = animator.animate("portrait.jpg", "speech.wav", emotion="happy=0.8", seed=7)
    animation.write("out.mp4")

Read top to bottom: portrait -> crop -> F, M -> speech -> motion, window by window -> pose from a
driving source, if any -> `Animation`, which draws, pastes and writes batch by batch.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.errors import UserError
from playmate_jax.faces import Landmarker, TfliteLandmarker, track_video
from playmate_jax.inference.animation import Animation, Progress, no_progress
from playmate_jax.inference.bundles import find_parts
from playmate_jax.inference.compilation import keep_compiled_programs
from playmate_jax.inference.driving import follow, read_driving
from playmate_jax.inference.emotion import EmotionTrack, parse_emotion
from playmate_jax.inference.face_renderer import FaceRenderer
from playmate_jax.inference.generators import MotionGenerator, Request, load_generator
from playmate_jax.inference.portrait import Picture, read_portrait
from playmate_jax.inference.sharing import save_bundle
from playmate_jax.media import Sound, VideoReader, read_audio, read_sound
from playmate_jax.models.speech import AUDIO_HZ, SAMPLES_PER_FRAME
from playmate_jax.models.weights import load_weights
from playmate_jax.motion.layout import FPS, POSE

LIVEPORTRAIT_FRAMING = {"scale": 2.3, "vx": 0.0, "vy": -0.125}
LONGEST_S = 3600


class Animator:
    """The whole pipeline with one set of weights; animate as often as you like.

    Args:
      renderer: F, M, W, G.
      generator: speech to motion.
      cards: what the weights say of themselves, by part ("renderer", "generator").
      framing: arguments of `faces.crop_face` that the renderer was trained with.
      landmarker: makes the face finder, when one is needed.
      folders: the weights directories that all this was read from, by part; for `save`.
    """

    def __init__(
        self,
        renderer: FaceRenderer,
        generator: MotionGenerator,
        cards: Mapping[str, Mapping[str, Any]],
        framing: Mapping[str, Any] = LIVEPORTRAIT_FRAMING,
        landmarker: Callable[[], Landmarker] = TfliteLandmarker,
        folders: Mapping[str, Path] | None = None,
    ):
        self.renderer, self.generator = renderer, generator
        self.cards, self.framing = dict(cards), dict(framing)
        self._make_landmarker = landmarker
        self._folders = dict(folders or {})

    @classmethod
    def from_weights(
        cls,
        weights: str | Path = "demo",
        generator: str | Path | None = None,
        *,
        face_models: str | Path | None = None,
        batch: int = 8,
    ) -> "Animator":
        """From weights by name, a folder (layout in weights/README.md) or a hub id.

        Args:
          weights: "demo", a fetched name ("liveportrait"), a folder, or "owner/name" of a
            repository on the Hugging Face hub, with "@revision" for a certain state of it.
          generator: where the motion generator is, if not in `weights`; the same kinds of place.
          face_models: folder with the face model files, for a machine that is offline.
          batch: frames drawn at a time.

        Raises:
          UserError: no such weights, damaged ones, or those of another model.
        """
        keep_compiled_programs()
        parts = find_parts(weights, generator)
        config, params, card = load_weights(parts["renderer"])
        renderer = FaceRenderer.from_weights(config, params, str(parts["renderer"]), batch)
        motion_generator, generator_card = load_generator(parts["generator"])
        return cls(
            renderer,
            motion_generator,
            {"renderer": card, "generator": generator_card},
            config.get("crop", LIVEPORTRAIT_FRAMING),
            lambda: TfliteLandmarker(face_models),
            parts,
        )

    def save(self, directory: str | Path) -> Path:
        """Writes all weights and a README.md that explains them; `from_weights` reads it back.

        Raises:
          UserError: the place is taken, or the animator was not made by `from_weights`.
        """
        return save_bundle(directory, self._folders)

    @cached_property
    def landmarker(self) -> Landmarker:
        """The face finder; made on first use."""
        return self._make_landmarker()

    @property
    def domain_notice(self) -> str | None:
        """What to expect of these weights on a photograph, where that needs saying."""
        if self.cards["renderer"].get("domain") != "drawn":
            return None
        name = self.cards["renderer"].get("name", "these")
        return (
            f"the {name} weights were trained on drawn faces only: a photograph or a painting "
            "moves, but will look redrawn"
        )

    def animate(
        self,
        portrait: str | Path | Picture,
        speech: str | Path | Float[np.ndarray, "s"],
        *,
        emotion: str | EmotionTrack | None = None,
        driving: str | Path | None = None,
        pose: str = "relative",
        head_motion: float = 1.0,
        audio_scale: float = 1.5,
        emotion_scale: float = 1.5,
        sampler: str = "ddim",
        steps: int | None = None,
        seed: int = 0,
        face: int = 0,
        crop: bool = True,
        paste: bool = True,
        progress: Progress = no_progress,
    ) -> Animation:
        """Everything up to the motion; the frames come when the `Animation` is iterated or written.

        Args:
          portrait: a picture's path, or uint8 RGB.
          speech: a recording's or video's path, or mono float32 at 16 kHz.
          emotion: see `inference/emotion.py`; None leaves the emotion to the speech.
          driving: head pose from a video, picture or motion file; see `inference/driving.py`.
          pose: "relative" or "absolute", of the driving head.
          head_motion: gain of the head's motion, generated or driven.
          audio_scale, emotion_scale: guidance (Eq. 8).
          sampler, steps: "ddim", "ddpm" or "dpm++"; None takes the sampler's usual steps.
          seed: the same seed gives the same frames.
          face: which face, by falling size from 1; 0 is the largest.
          crop: False if the picture is the face already.
          paste: False leaves the drawn face on its own.
          progress: called with (phase, done, total).

        Raises:
          UserError: whatever is wrong with the inputs, in one sentence.
        """
        seconds: dict[str, float] = {}
        if isinstance(emotion, str):
            emotion = parse_emotion(emotion)

        with _timed(seconds, "read"):
            audio, sound = _read_speech(speech)
            sitting = read_portrait(
                portrait, lambda: self.landmarker, self.framing, self.renderer.input_size,
                lambda: self.renderer.drawn_size, number=face, crop=crop, paste=paste,
            )  # fmt: skip
        count = -(-len(audio) // SAMPLES_PER_FRAME)

        with _timed(seconds, "look"):
            sitter = self.renderer.look(sitting.face)

        followed = None
        if driving is not None:
            with _timed(seconds, "driving"):
                found = self._driving_motion(driving, count)
                # a picture has no first frame to change from
                if pose == "relative" and len(found) == 1:
                    pose = "absolute"
                followed = follow(found, sitter.motion, count, pose, head_motion)

        with _timed(seconds, "generate"):
            request = Request(
                identity=sitter.identity,
                own=sitter.motion,
                emotion=None if emotion is None else emotion.frames(count),
                head_motion=head_motion,
                audio_scale=audio_scale,
                emotion_scale=emotion_scale,
                sampler=sampler,
                steps=steps,
                seed=seed,
            )
            tell = lambda done, total: progress("generate", done, total)  # noqa: E731
            tell(0, count)
            motion = np.array(self.generator(audio, request, tell), np.float32)
        if followed is not None:
            motion[:, POSE] = followed

        facts = {
            "weights": {part: card.get("name", "") for part, card in self.cards.items()},
            "seed": seed,
            "sampler": sampler,
            "steps": steps,
            "audio_scale": audio_scale,
            "emotion": None if emotion is None else emotion.describe(),
            "emotion_scale": emotion_scale,
            "driving": None if driving is None else str(driving),
            "pose": None if driving is None else pose,
            "head_motion": head_motion,
            "face_box": list(sitting.box),
            "faces_found": sitting.faces_found,
        }
        notices = [n for n in (sitting.notice, self.domain_notice) if n]
        return Animation(
            motion,
            sound,
            sitting.size,
            self.renderer,
            sitter,
            sitting.finish,
            notices,
            facts,
            seconds,
        )

    def _driving_motion(self, driving, count: int) -> Float[np.ndarray, "t 70"]:
        """The motion of the head in a driving video, picture or motion file."""
        framing: dict[str, Any] = {**self.framing, "rotate": False}  # keeps the driving head's roll

        def faces_of_video(path: Path) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
            reader: Any = _Beginning(path, count)  # all of a VideoReader that a track uses
            # One square for the clip: the head moves within it, and that is motion too.
            track = track_video(reader, self.landmarker, FPS, smooth_s=None, **framing)
            return track.crops(reader, self.renderer.input_size, "edge")

        def face_of_image(path: Path) -> UInt8[np.ndarray, "h w 3"]:
            size = self.renderer.input_size
            return read_portrait(path, lambda: self.landmarker, framing, size, lambda: size).face

        return read_driving(
            driving, faces_of_video, face_of_image, self.renderer.motion_of,
            self.renderer.batch, count,
        )  # fmt: skip


class _Beginning(VideoReader):
    """A video's first frames: the rest of a driving video is never decoded."""

    def __init__(self, path: Path, count: int):
        super().__init__(path)
        self._count = count

    def frames_at(self, fps: Fraction | int | None = None) -> Iterator[Picture]:
        return islice(super().frames_at(fps), self._count)


def _read_speech(speech: str | Path | np.ndarray) -> tuple[Float[np.ndarray, "s"], Sound]:
    """(what the generator hears, what is put under the pictures)."""
    if not isinstance(speech, np.ndarray):
        audio, sound = read_audio(speech, AUDIO_HZ), read_sound(speech)
    else:
        audio = np.asarray(speech, np.float32)
        if audio.ndim != 1 or not len(audio) or not np.isfinite(audio).all():
            raise UserError(
                f"expected mono speech as a row of finite numbers at {AUDIO_HZ} Hz, found an array "
                f"of shape {audio.shape}: give a path or such samples"
            )
        sound = Sound(audio[:, None], AUDIO_HZ)
    if len(audio) > LONGEST_S * AUDIO_HZ:
        raise UserError(
            f"expected at most {LONGEST_S // 60} minutes of speech, found "
            f"{len(audio) / AUDIO_HZ / 60:.0f}: cut it into parts"
        )
    return audio, sound


@contextmanager
def _timed(seconds: dict[str, float], phase: str):
    began = time.perf_counter()
    yield
    seconds[phase] = time.perf_counter() - began
