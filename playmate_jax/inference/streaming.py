"""Opening a stream: portrait -> crop -> F, M -> motion by hops -> frames, a hop in a batch."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.inference.emotion import EmotionTrack, parse_emotion
from playmate_jax.inference.gaze import Gaze, GazeRamp
from playmate_jax.inference.motion_generator import Request, StreamingGenerator
from playmate_jax.inference.networks import Networks
from playmate_jax.inference.portrait import PortraitOptions, RgbImage
from playmate_jax.inference.portrait_stream import PortraitStream, check_gain
from playmate_jax.inference.scene import is_source_video, read_scene
from playmate_jax.inference.sound import read_speech

LONGEST_WINDOW = 100  # frames: what the demo and the paper train on
BUNDLED_SPEECH = Path(__file__).resolve().parents[1] / "assets" / "speech.wav"


@dataclass(frozen=True)
class StreamOptions:
    """How a portrait speaks in a stream; as `Animator.stream` has them.

    Raises:
      UserError: hops and look-ahead that no window holds.
    """

    emotion: str | EmotionTrack | None = None
    head_motion: float = 1.0
    audio_scale: float | None = None
    emotion_scale: float | None = None
    sampler: str | None = None
    steps: int | None = None
    seed: int = 0
    hop: int = 5
    lookahead: int = 5
    voice: str | Path | np.ndarray | None = None
    gaze: Gaze | None = None
    space: str = ""  # of the weights' faces, see inference/expressions.py

    def __post_init__(self):
        if self.hop < 1 or self.lookahead < 0 or self.hop + self.lookahead > LONGEST_WINDOW:
            raise UserError(
                f"expected a hop of at least 1 frame and a look-ahead, together {LONGEST_WINDOW} "
                f"frames at most, found {self.hop} and {self.lookahead}: choose shorter ones"
            )
        check_gain(self.head_motion)


def open_stream(
    networks: Networks,
    portrait: str | Path | RgbImage,
    chunks: Iterable[Float[np.ndarray, "_"] | None],
    options: StreamOptions,
    shown: PortraitOptions,
) -> PortraitStream:
    """The stream of a portrait; all its programs are compiled when this returns.

    Raises:
      UserError: whatever is wrong with the inputs, in one sentence.
    """
    generator = networks.generator
    if not isinstance(generator, StreamingGenerator):
        raise UserError(
            "expected weights whose motion generator can stream, as the demo's, found none: "
            "give other weights, or animate recordings"
        )
    if is_source_video(portrait):
        raise UserError("expected an image to stream, found a video: give an image")
    gaze = GazeRamp(options.space, options.gaze)
    emotion = options.emotion
    if isinstance(emotion, str):
        emotion = parse_emotion(emotion)
    renderer = networks.renderer.with_batch(options.hop)
    drawing = Networks(renderer, networks.framing, networks.landmarker, generator)
    scene = read_scene(portrait, drawing, shown, None, "the speech")
    start, _ = read_speech(BUNDLED_SPEECH)
    voice = None if options.voice is None else read_speech(options.voice)[0]
    request = Request(
        identity=scene.source_face.identity,
        own=scene.source_face.motion,
        emotion=None if emotion is None else emotion.frames(1),
        head_motion=options.head_motion,
        audio_scale=options.audio_scale,
        emotion_scale=options.emotion_scale,
        sampler=options.sampler,
        steps=options.steps,
        seed=options.seed,
    )
    motion = generator.stream(request, options.hop, options.lookahead, start, voice)
    for _ in scene.draw(np.repeat(scene.source_face.motion[None], options.hop, 0)):
        pass  # compiles what draws
    return PortraitStream(scene, motion, chunks, emotion, options.head_motion, gaze)
