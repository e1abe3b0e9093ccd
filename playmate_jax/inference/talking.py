"""From speech to motion: a portrait talks, or a source video's lips speak something else.

speech -> motion at 25 fps, window by window -> pose from a driving source, if any
       -> a source video: at its own frame times, lips alone, none where the face is not seen
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.inference import notices
from playmate_jax.inference.animation import Progress, timed
from playmate_jax.inference.driving import follow, read_driving
from playmate_jax.inference.emotion import EmotionTrack, parse_emotion
from playmate_jax.inference.gaze import Gaze, checked_gaze, gaze_shift
from playmate_jax.inference.motion_generator import MotionGenerator, Request
from playmate_jax.inference.networks import Networks
from playmate_jax.inference.planned import Planned
from playmate_jax.inference.portrait import PortraitOptions, RgbImage
from playmate_jax.inference.reenactment import reenact
from playmate_jax.inference.scene import is_source_video, read_scene
from playmate_jax.inference.sound import read_speech
from playmate_jax.motion.continuity import starting_from
from playmate_jax.motion.layout import EXPRESSION, FPS, POSE, SAMPLES_PER_FRAME


@dataclass(frozen=True)
class SpeechOptions:
    """How a portrait talks; as `Animator.animate` has them."""

    emotion: str | EmotionTrack | None = None
    driving: str | Path | None = None
    pose: str = "relative"
    head_motion: float = 1.0
    audio_scale: float | None = None
    emotion_scale: float | None = None
    sampler: str | None = None
    steps: int | None = None
    seed: int = 0
    gaze: Gaze | None = None
    space: str = ""  # of the weights' faces, see inference/expressions.py


def talk(
    networks: Networks,
    portrait: str | Path | RgbImage,
    speech: str | Path | Float[np.ndarray, "s"],
    options: SpeechOptions,
    shown: PortraitOptions,
    progress: Progress,
    seconds: dict[str, float],
) -> Planned:
    """The scene and its motion; nothing is drawn yet.

    Args:
      seconds: takes the wall time of each phase.

    Raises:
      UserError: whatever is wrong with the inputs, in one sentence.
    """
    generator = _generator(networks)
    emotion = options.emotion
    if isinstance(emotion, str):
        emotion = parse_emotion(emotion)
    if options.driving is not None and is_source_video(portrait):
        raise UserError(
            "expected an image to turn the head of, found a source video, which keeps its own "
            "head: leave out the driving source, or the speech"
        )
    looks = None if options.gaze is None else gaze_shift(options.space, checked_gaze(options.gaze))
    if looks is not None and is_source_video(portrait):
        raise UserError(
            "expected an image whose gaze may be changed, found a source video, which keeps its "
            "own eyes: leave out the gaze"
        )
    remarks: list[str] = []
    with timed(seconds, "read"):
        audio, sound = read_speech(speech, remarks)
    count = -(-len(audio) // SAMPLES_PER_FRAME)
    with timed(seconds, "look"):
        scene = read_scene(portrait, networks, shown, Fraction(count, FPS), "the speech")
    count = scene.frames_at_25(count)
    followed, pose = None, options.pose
    if options.driving is not None:
        with timed(seconds, "driving"):
            driving = read_driving(options.driving, networks, count)
            pose = "absolute" if driving.held else pose
            found = driving.at_25_fps().motion
            followed = follow(found, scene.source_face.motion, count, pose, options.head_motion)
            remarks += [*notices.driving_gaps(driving.gaps_s), *driving.remarks]
    with timed(seconds, "generate"):
        request = generator.with_defaults(
            Request(  # what is left open is the generator's
                identity=scene.source_face.identity,
                own=scene.source_face.motion,
                emotion=None if emotion is None else emotion.frames(count),
                head_motion=options.head_motion,
                audio_scale=options.audio_scale,
                emotion_scale=options.emotion_scale,
                sampler=options.sampler,
                steps=options.steps,
                seed=options.seed,
            )
        )
        motion = _generated(generator, audio[: count * SAMPLES_PER_FRAME], request, progress, count)
    if looks is not None:
        motion[:, EXPRESSION] += looks
    if not scene.is_video:
        motion = starting_from(scene.own, motion)
    if followed is not None:
        motion[:, POSE] = followed
    if scene.is_video:
        motion = scene.faded(reenact(scene.at_own_times(motion), scene.own, "absolute", "lips"))
    facts: dict[str, Any] = {
        "seed": options.seed,
        "sampler": request.sampler,
        "steps": request.steps,
        "audio_scale": request.audio_scale,
        "emotion": None if emotion is None else emotion.describe(),
        "emotion_scale": request.emotion_scale,
        "driving": None if options.driving is None else str(options.driving),
        "pose": None if options.driving is None else pose,
        "head_motion": options.head_motion,
        "gaze": None if options.gaze is None else list(options.gaze),
    }
    if options.driving is not None:
        facts["driving_held_s"] = driving.gaps_s
    return Planned(scene, motion, sound, facts, remarks)


def _generator(networks: Networks) -> MotionGenerator:
    if networks.generator is None:
        raise UserError(
            "expected weights with a motion generator to speak with, found a renderer's alone: "
            "name one, as with 'playmate weights get joyvasa' and '--generator joyvasa', or "
            "give a driving source instead of speech"
        )
    return networks.generator


def _generated(
    generator: MotionGenerator,
    audio: Float[np.ndarray, "s"],
    request: Request,
    progress: Progress,
    count: int,
) -> Float[np.ndarray, "t m"]:
    def report_progress(done: int, total: int) -> None:
        progress("generate", done, total)

    report_progress(0, count)
    return np.array(generator(audio, request, report_progress), np.float32)
