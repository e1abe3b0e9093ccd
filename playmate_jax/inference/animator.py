"""`Animator`: a portrait and speech, or a portrait and another face, become an `Animation`.

    from playmate_jax.inference import Animator

    animator = Animator.from_weights("demo")
    animation = animator.animate("portrait.jpg", "speech.wav", emotion="happy=0.8", seed=7)
    animation.write("out.mp4")
    animator.reenact("portrait.jpg", "talking.pkl").write("reenacted.mp4")
    for frame in animator.stream("portrait.jpg", chunks):  # while the speech arrives
        ...

Read top to bottom: portrait -> crop -> F, M -> speech -> motion, window by window -> pose from a
driving source, if any -> `Animation`, which draws, pastes and writes batch by batch. `reenact`
takes all motion from the driving source. In both, the portrait may be a video.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.faces import Landmarker, TfliteLandmarker
from playmate_jax.hub.bundles import find_parts
from playmate_jax.hub.sharing import save_bundle
from playmate_jax.hub.weights import load_weights
from playmate_jax.inference.animation import Animation, Progress, no_progress
from playmate_jax.inference.editing import Editor, open_editor
from playmate_jax.inference.emotion import EmotionTrack
from playmate_jax.inference.expressions import face_space
from playmate_jax.inference.face_renderer import FaceRenderer
from playmate_jax.inference.gaze import Gaze
from playmate_jax.inference.generators import load_generator
from playmate_jax.inference.motion_generator import MotionGenerator
from playmate_jax.inference.networks import Networks
from playmate_jax.inference.planned import Planned
from playmate_jax.inference.portrait import PortraitOptions, RgbImage
from playmate_jax.inference.portrait_stream import PortraitStream
from playmate_jax.inference.reenacting import ReenactmentOptions, make_face
from playmate_jax.inference.streaming import StreamOptions, open_stream
from playmate_jax.inference.talking import SpeechOptions, talk
from playmate_jax.parallel.compilation import keep_compiled_programs

LIVEPORTRAIT_FRAMING = {"scale": 2.3, "vx": 0.0, "vy": -0.125}
TEMPLATE_NOTICE = (
    "the template is in LivePortrait's face space, which these weights do not share: the head "
    "follows, the face only roughly (region 'pose' takes the head)"
)


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
        renderer_form: str = "auto",
    ) -> "Animator":
        """From weights by name, a folder (layout in weights/README.md) or a hub id.

        Args:
          weights: "demo", a fetched name ("liveportrait"), a folder, or "owner/name" of a
            repository on the Hugging Face hub, with "@revision" for a certain state of it.
          generator: where the motion generator is, if not in `weights`; the same kinds of place.
          face_models: folder with the face model files, for a machine that is offline.
          batch: frames drawn at a time.
          renderer_form: "auto", "plain" or "folded": see inference/renderer_form.py.

        Raises:
          UserError: no such weights, damaged ones, or those of another model.
        """
        keep_compiled_programs()
        parts = find_parts(weights, generator)
        config, params, card = load_weights(parts["renderer"])
        renderer = FaceRenderer.from_weights(
            config, params, str(parts["renderer"]), batch, form=renderer_form
        )
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
        """The face landmarker, loaded on first use."""
        return self._make_landmarker()

    @property
    def domain_notice(self) -> str | None:
        """A notice about photographs, for weights trained on synthetic faces; else None."""
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
        gaze: Gaze | None = None,
        audio_scale: float | None = None,
        emotion_scale: float | None = None,
        sampler: str | None = None,
        steps: int | None = None,
        seed: int = 0,
        face: int = 0,
        face_box: tuple[float, float, float] | None = None,
        crop: bool = True,
        paste: bool = True,
        max_side: int | None = None,
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
          gaze: (sideways, down) from -1 to 1, added to the generated gaze.
          audio_scale, emotion_scale: guidance (Eq. 8).
          sampler, steps: "ddim", "ddpm" or "dpm++", and how many steps. None leaves these and the
            guidance to the generator.
          seed: the same seed gives the same frames.
          face, face_box, crop, paste, max_side: which face, in which frames; see `PortraitOptions`.
          progress: called with (phase, done, total).

        Raises:
          UserError: whatever is wrong with the inputs, in one sentence.
        """
        options = SpeechOptions(
            emotion, driving, pose, head_motion, audio_scale, emotion_scale, sampler, steps, seed,
            gaze, face_space(self.cards["renderer"]),
        )  # fmt: skip
        shown = PortraitOptions(face, face_box, crop, paste, max_side)
        seconds: dict[str, float] = {}
        found = talk(self._networks(), portrait, speech, options, shown, progress, seconds)
        return self._animation(found, seconds)

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
        face_box: tuple[float, float, float] | None = None,
        crop: bool = True,
        paste: bool = True,
        max_side: int | None = None,
    ) -> Animation:
        """The portrait makes the face of a driving video, image or motion file; see
        `inference/reenactment.py`. Lasts as long as the driving source (an image is held for a
        second); with a source video, as long as both. The sound is the driving video's, or else
        the source video's.

        Args:
          portrait: an image's path, or uint8 RGB; or a video's path.
          driving: a video, image, `.npz` or LivePortrait template.
          pose: "relative" or "absolute": head and face as changes from the first frame that shows
            the driving face, or as they are. A driving image is always absolute.
          region: what moves: "all", "expression", "pose", "lips" or "eyes".
          head_motion: gain of the head's motion.
          gain: of all motion, LivePortrait's driving multiplier.
          smooth_s: seconds over which the driving motion is smoothed; 0 takes it as it is.
          retarget: "eyes", "lips" or "both" open as far as the driving face's do, by the
            retargeting networks instead of the driving expression.
          face, face_box, crop, paste, max_side: as in `animate`.

        Raises:
          UserError: whatever is wrong with the inputs, in one sentence.
        """
        options = ReenactmentOptions(pose, region, head_motion, gain, smooth_s, retarget)
        shown = PortraitOptions(face, face_box, crop, paste, max_side)
        seconds: dict[str, float] = {}
        found = make_face(self._networks(), portrait, driving, options, shown, seconds)
        foreign = Path(driving).suffix.lower() == ".pkl" and region != "pose"
        notice = TEMPLATE_NOTICE if foreign and self.domain_notice else None
        return self._animation(found, seconds, notice)

    def stream(
        self,
        portrait: str | Path | RgbImage,
        chunks: Iterable[Float[np.ndarray, "_"] | None] = (),
        *,
        emotion: str | EmotionTrack | None = None,
        head_motion: float = 1.0,
        gaze: Gaze | None = None,
        audio_scale: float | None = None,
        emotion_scale: float | None = None,
        sampler: str | None = None,
        steps: int | None = None,
        seed: int = 0,
        hop: int = 5,
        lookahead: int = 5,
        voice: str | Path | Float[np.ndarray, "v"] | None = None,
        face: int = 0,
        face_box: tuple[float, float, float] | None = None,
        crop: bool = True,
        paste: bool = True,
        max_side: int | None = None,
    ) -> PortraitStream:
        """The portrait speaks while the speech arrives; see `inference/portrait_stream.py`.

        Args:
          portrait: an image's path, or uint8 RGB.
          chunks: speech as it arrives, mono float32 at 16 kHz in parts of any length; None ends an
            utterance, an empty array asks for idle frames. How it is cut into parts changes
            nothing.
          emotion: as in `animate`; a track's times begin with the stream.
          hop, lookahead: frames that are made at a time, and frames of speech that are heard ahead
            of them: together the delay of a frame behind its sound.
          voice: a recording of the voice that will speak; its level and spectrum are assumed,
            instead of following what is heard.
          head_motion, gaze, audio_scale, emotion_scale, sampler, steps, seed: as in `animate`.
          face, face_box, crop, paste, max_side: as in `animate`.

        Raises:
          UserError: whatever is wrong with the inputs, in one sentence; these weights cannot
            stream.
        """
        options = StreamOptions(
            emotion, head_motion, audio_scale, emotion_scale, sampler, steps, seed, hop, lookahead,
            voice, gaze, face_space(self.cards["renderer"]),
        )  # fmt: skip
        shown = PortraitOptions(face, face_box, crop, paste, max_side)
        return open_stream(self._networks(), portrait, chunks, options, shown)

    def editor(
        self, portrait: str | Path | RgbImage, *, face: int = 0, max_side: int | None = None
    ) -> Editor:
        """The portrait, to be drawn with the head turned, eyes closed, a smile; see
        `inference/editing.py`. Raises `UserError` as `animate` does."""
        shown = PortraitOptions(face=face, max_side=max_side)
        return open_editor(self._networks(), portrait, shown, self.cards["renderer"])

    def _networks(self) -> Networks:
        return Networks(self.renderer, self.framing, lambda: self.landmarker, self.generator)

    def _animation(
        self, planned: Planned, seconds: dict[str, float], notice: str | None = None
    ) -> Animation:
        """The animation of a planned scene; the notice about these weights comes last."""
        weights = {part: card.get("name", "") for part, card in self.cards.items()}
        notices = [*planned.notices, *filter(None, (notice, self.domain_notice))]
        form = self.renderer.decide(len(planned.motion))
        facts = {"weights": weights, "renderer_form": form}
        return planned.animation(facts, notices, seconds)
