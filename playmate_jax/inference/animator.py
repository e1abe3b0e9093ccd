"""`Animator`: a portrait and speech, or a portrait and another face, become an `Animation`.

    from playmate_jax.inference import Animator

    animator = Animator.from_weights("demo")
    animation = animator.animate("portrait.jpg", "speech.wav", emotion="happy=0.8", seed=7)
    animation.write("out.mp4")
    animator.reenact("portrait.jpg", "talking.pkl").write("reenacted.mp4")

Read top to bottom: portrait -> crop -> F, M -> speech -> motion, window by window -> pose from a
driving source, if any -> `Animation`, which draws, pastes and writes batch by batch. `reenact`
takes all motion from the driving source. In both, the portrait may be a video.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.faces import Landmarker, TfliteLandmarker
from playmate_jax.hub.bundles import find_parts
from playmate_jax.hub.sharing import save_bundle
from playmate_jax.hub.weights import load_weights
from playmate_jax.inference.animation import Animation, Progress, no_progress
from playmate_jax.inference.driving import back_and_forth, follow, read_driving
from playmate_jax.inference.emotion import EmotionTrack, parse_emotion
from playmate_jax.inference.face_renderer import FaceRenderer
from playmate_jax.inference.generators import load_generator
from playmate_jax.inference.motion_files import MotionClip
from playmate_jax.inference.motion_generator import MotionGenerator, Request
from playmate_jax.inference.portrait import RgbImage
from playmate_jax.inference.reenactment import (
    MODES,
    REGIONS,
    check_choice,
    reenact,
    smooth,
    towards,
)
from playmate_jax.inference.retargeting import retargeted, shut_lips
from playmate_jax.inference.scene import Scene, is_source_video, read_scene
from playmate_jax.inference.sound import LONGEST_S, first_sound, read_speech
from playmate_jax.media import Sound
from playmate_jax.motion.layout import FPS, POSE, SAMPLES_PER_FRAME
from playmate_jax.parallel.compilation import keep_compiled_programs

Motion = Float[np.ndarray, "t m"]

LIVEPORTRAIT_FRAMING = {"scale": 2.3, "vx": 0.0, "vy": -0.125}


class Animator:
    """The whole pipeline with one set of weights; animate as often as you like.

    Args:
      renderer: F, M, W, G.
      generator: speech to motion; without one, portraits can be reenacted.
      cards: what the weights say of themselves, by part ("renderer", "generator").
      framing: arguments of `faces.crop_face` that the renderer was trained with.
      landmarker: makes the face finder, when one is needed.
      folders: the weights directories that all this was read from, by part; for `save`.
    """

    def __init__(
        self,
        renderer: FaceRenderer,
        generator: MotionGenerator | None,
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
        cards, motion_generator = {"renderer": card}, None
        if "generator" in parts:
            motion_generator, cards["generator"] = load_generator(parts["generator"])
        return cls(
            renderer,
            motion_generator,
            cards,
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
            f"the {name} weights were trained on synthetic faces only: a photograph or a painting "
            "moves, but will look redrawn"
        )

    def animate(
        self,
        portrait: str | Path | RgbImage,
        speech: str | Path | Float[np.ndarray, "s"],
        *,
        emotion: str | EmotionTrack | None = None,
        driving: str | Path | None = None,
        pose: str = "relative",
        head_motion: float = 1.0,
        audio_scale: float | None = None,
        emotion_scale: float | None = None,
        sampler: str | None = None,
        steps: int | None = None,
        seed: int = 0,
        face: int = 0,
        crop: bool = True,
        paste: bool = True,
        progress: Progress = no_progress,
    ) -> Animation:
        """Everything up to the motion; the frames come when the `Animation` is iterated or written.

        Args:
          portrait: an image's path, or uint8 RGB; or a video's path, whose lips alone are made to
            speak, for as long as both last.
          speech: a recording's or video's path, or mono float32 at 16 kHz.
          emotion: see `inference/emotion.py`; None leaves the emotion to the speech.
          driving: head pose from a video, image or motion file; see `inference/driving.py`.
          pose: "relative" or "absolute", of the driving head.
          head_motion: gain of the head's motion, generated or driven.
          audio_scale, emotion_scale: guidance (Eq. 8).
          sampler, steps: "ddim", "ddpm" or "dpm++", and how many steps. None leaves these and the
            guidance to the generator.
          seed: the same seed gives the same frames.
          face: which face, by falling size from 1; 0 is the largest.
          crop: False if the image is the face already.
          paste: False leaves the synthetic face on its own.
          progress: called with (phase, done, total).

        Raises:
          UserError: whatever is wrong with the inputs, in one sentence.
        """
        seconds: dict[str, float] = {}
        remarks: list[str] = []  # of the files that are read
        generator = self.generator
        if generator is None:
            raise UserError(
                "expected weights with a motion generator to speak with, found a renderer's alone: "
                "name one, as with 'playmate weights get joyvasa' and '--generator joyvasa', or "
                "give a driving source instead of speech"
            )
        if isinstance(emotion, str):
            emotion = parse_emotion(emotion)
        if driving is not None and is_source_video(portrait):
            raise UserError(
                "expected an image to turn the head of, found a source video, which keeps its "
                "own head: leave out the driving source, or the speech"
            )

        with _timed(seconds, "read"):
            audio, sound = read_speech(speech, remarks)
        count = -(-len(audio) // SAMPLES_PER_FRAME)
        with _timed(seconds, "look"):
            scene = self._scene(portrait, face, crop, paste, count, remarks)
        if scene.is_video:
            count = len(scene.own)
            audio = audio[: count * SAMPLES_PER_FRAME]
        source_face = scene.source_face

        followed = None
        if driving is not None:
            with _timed(seconds, "driving"):
                found = self._driving_clip(driving, count, remarks).motion
                # an image has no first frame to change from
                if pose == "relative" and len(found) == 1:
                    pose = "absolute"
                followed = follow(found, source_face.motion, count, pose, head_motion)

        with _timed(seconds, "generate"):
            request = Request(  # what is left open is the generator's
                identity=source_face.identity,
                own=source_face.motion,
                emotion=None if emotion is None else emotion.frames(count),
                head_motion=head_motion,
                audio_scale=audio_scale,
                emotion_scale=emotion_scale,
                sampler=sampler,
                steps=steps,
                seed=seed,
            )
            request = generator.with_defaults(request)
            tell = lambda done, total: progress("generate", done, total)  # noqa: E731
            tell(0, count)
            motion = np.array(generator(audio, request, tell), np.float32)
        if followed is not None:
            motion[:, POSE] = followed
        if scene.is_video:
            motion = reenact(motion, scene.own, "absolute", "lips")

        facts = {
            "weights": {part: card.get("name", "") for part, card in self.cards.items()},
            "seed": seed,
            "sampler": request.sampler,
            "steps": request.steps,
            "audio_scale": request.audio_scale,
            "emotion": None if emotion is None else emotion.describe(),
            "emotion_scale": request.emotion_scale,
            "driving": None if driving is None else str(driving),
            "pose": None if driving is None else pose,
            "head_motion": head_motion,
        }
        return self._animation(scene, motion, sound, facts, seconds, remarks)

    def reenact(
        self,
        portrait: str | Path | RgbImage,
        driving: str | Path,
        *,
        pose: str = "relative",
        region: str = "all",
        head_motion: float = 1.0,
        gain: float = 1.0,
        smooth_s: float = 0.0,
        retarget: str | None = None,
        face: int = 0,
        crop: bool = True,
        paste: bool = True,
    ) -> Animation:
        """The portrait makes the face of a driving video, image or motion file; see
        `inference/reenactment.py`. Lasts as long as the driving source (an image is held for a
        second); with a source video, as long as both. The sound is the driving video's, or else
        the source video's.

        Args:
          portrait: an image's path, or uint8 RGB; or a video's path.
          driving: a video, image, `.npz` or LivePortrait template.
          pose: "relative" or "absolute": head and face as changes from the driving source's first
            frame, or as they are. A driving image is always absolute.
          region: what moves: "all", "expression", "pose", "lips" or "eyes".
          head_motion: gain of the head's motion.
          gain: of all motion, LivePortrait's driving multiplier.
          smooth_s: seconds over which the driving motion is smoothed; 0 takes it as it is.
          retarget: "eyes", "lips" or "both" open as far as the driving face's do, by the
            retargeting networks instead of the driving expression.
          face, crop, paste: as in `animate`.

        Raises:
          UserError: whatever is wrong with the inputs, in one sentence.
        """
        check_choice("pose", pose, MODES)
        check_choice("region", region, REGIONS)
        seconds: dict[str, float] = {}
        remarks: list[str] = []  # of the files that are read
        with _timed(seconds, "driving"):
            clip = self._driving_clip(driving, LONGEST_S * FPS, remarks)
        held = len(clip.motion) == 1  # an image: it has no first frame to change from
        with _timed(seconds, "look"):
            longest = None if held else len(clip.motion)
            scene = self._scene(portrait, face, crop, paste, longest, remarks)
        count = len(scene.own) if scene.is_video else longest or FPS
        driven = smooth(back_and_forth(clip.motion, count), smooth_s * FPS)
        pose = "absolute" if held else pose
        motion = reenact(driven, scene.own, pose, region, gain)
        if head_motion != 1:
            motion[:, POSE] = towards(scene.own, motion, head_motion)[:, POSE]
        openness = None
        if retarget is not None:
            motion, openness = retargeted(
                self.renderer, scene, motion, clip.openness, retarget, str(driving)
            )
        elif pose == "relative" and region in ("all", "expression", "lips"):
            openness = shut_lips(self.renderer, scene, len(motion))
        facts = {
            "weights": {part: card.get("name", "") for part, card in self.cards.items()},
            "driving": str(driving),
            "pose": pose,
            "region": region,
            "head_motion": head_motion,
            "gain": gain,
            "smooth_s": smooth_s,
            "retarget": retarget,
        }
        sound = first_sound(driving, portrait, remarks=remarks)
        if Path(driving).suffix.lower() == ".pkl" and self.domain_notice and region != "pose":
            notice = (
                "the template speaks of LivePortrait's face space, which these weights do not "
                "share: the head follows, the face only roughly (region 'pose' takes the head)"
            )
            scene = scene._replace(notice=f"{scene.notice}; {notice}" if scene.notice else notice)
        if openness is not None:
            scene = scene._replace(draw=partial(scene.draw, openness=openness))
        return self._animation(scene, motion, sound, facts, seconds, remarks)

    def _scene(
        self,
        portrait: str | Path | RgbImage,
        face: int,
        crop: bool,
        paste: bool,
        longest: int | None,
        remarks: list[str],
    ) -> Scene:
        return read_scene(
            portrait, lambda: self.landmarker, self.framing, self.renderer, longest,
            face=face, crop=crop, paste=paste, remarks=remarks,
        )  # fmt: skip

    def _animation(
        self,
        scene: Scene,
        motion: Motion,
        sound: Sound | None,
        facts: dict,
        seconds: dict,
        remarks: list[str],
    ) -> Animation:
        facts |= {"face_box": list(scene.box), "faces_found": scene.faces_found}
        sentences = (scene.notice, *remarks, self.domain_notice)
        notices = list(dict.fromkeys(sentence for sentence in sentences if sentence))
        return Animation(
            motion, sound, scene.size, scene.draw, scene.source_face, notices, facts, seconds
        )

    def _driving_clip(self, driving: str | Path, longest: int, remarks: list[str]) -> MotionClip:
        return read_driving(
            driving, lambda: self.landmarker, self.framing, self.renderer, longest, remarks
        )


@contextmanager
def _timed(seconds: dict[str, float], phase: str):
    began = time.perf_counter()
    yield
    seconds[phase] = time.perf_counter() - began
