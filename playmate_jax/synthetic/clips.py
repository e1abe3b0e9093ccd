"""The unlimited stream of clips of speaking synthetic people: `clip(seed, index)`.

A clip holds augmented speech, its speech features, the true motion and units of the speaker, the
speaker's face as 63 canonical keypoints, and the emotion at every frame. It depends on (seed,
index) only, so that processes need not share anything. The speech encoder is passed as a function,
because this package does not import models.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.motion.layout import ANGLES, EMOTIONS, FPS, SCALE, TRANSLATION
from playmate_jax.synthetic import emotion as emotions
from playmate_jax.synthetic.augment import augment as augment_audio
from playmate_jax.synthetic.performance import perform
from playmate_jax.synthetic.speech import utterance

Features = Callable[[np.ndarray], np.ndarray]


def clip(
    seed: int,
    index: int,
    seconds: float = 12,
    voice: str = "mix",
    emotional: bool = False,
    augment: bool = True,
    features: Features | None = None,
    varied: bool = True,
    person: int | None = None,
    head_motion: float = 1.0,
) -> dict[str, Any]:
    """Clip number `index` of the stream `seed`.

    Args:
      seconds: length of the clip.
      voice: one of `speech.VOICES`.
      emotional: shows emotion number index % 8, with blends and changes over time if `varied`;
        otherwise the clip is neutral.
      augment: applies a random recording condition to the speech.
      features: the speech encoder, audio (s,) -> features (t, d); None leaves them out.
      person: number of the person whose face is used; None uses another face for every clip.
      head_motion: how far the head turns about its mean pose, as a factor.

    Returns:
      audio (s,) float32 at 16 kHz; motion (n, 70); units (n, 18); identity (63,); emotion (n, 8),
      weights times intensity; phonemes; and, with `features`, features (n, d). n = 25 * seconds.
    """
    n = round(seconds * FPS)
    speech = utterance(seed, index, seconds, voice)
    rng, rng_track, rng_room = (np.random.default_rng((seed, index, k)) for k in (2, 4, 5))
    face = emotions.face(seed, index if person is None else person)
    track = np.zeros((n, len(EMOTIONS)), np.float32)
    if emotional:
        track = emotions.sample_track(rng_track, n, index % len(EMOTIONS), varied)
    motion, units = perform(rng, speech.phonemes, n, track, 1.0, face, head_motion)
    audio = augment_audio(rng_room, speech.audio) if augment else speech.audio
    result = dict(
        audio=audio,
        motion=motion,
        units=units,
        identity=face,
        emotion=track,
        phonemes=speech.phonemes,
    )
    if features is not None:
        result["features"] = features(audio)[:n]
    return result


def pose_of(motion: Float[np.ndarray, "n 70"]) -> Float[np.ndarray, "n 6"]:
    """The pose that `synthetic.draw` takes, of rows of motion."""
    parts = (motion[:, ANGLES], motion[:, SCALE], motion[:, TRANSLATION][:, :2])
    return np.concatenate(parts, axis=1)
