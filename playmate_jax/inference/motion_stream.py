"""Motion in hops, while speech arrives: the same network and sampler as `generate`, short windows.

A window is one hop and its look-ahead, conditioned on the previous frames as always (Eq. 10); only
the hop is kept, the look-ahead is made again when more is known. Hops are kept together:

- noise belongs to a frame, not to a window, so that both windows that make a frame start alike;
- a hop is joined to the frames before it (motion/continuity.py) and fed back as it is shown;
- emotion and the gain of the head change by so much a frame, never at once;
- the head starts where the portrait holds it, and what the first frame differs by fades out.

Between utterances the network hears silence, and the lips are held: they follow what is generated
for `CLOSING` more frames and then only slowly. All shapes are fixed: there is one compiled program.
"""

import dataclasses
import functools
import time
from collections import deque

import jax
import numpy as np
from jaxtyping import Bool, Float

from playmate_jax.inference.generate import (
    DEFAULT_STEPS,
    POSE_BOUND,
    GenerateOptions,
    MotionModel,
    denoised,
)
from playmate_jax.inference.motion_history import MotionHistory
from playmate_jax.models.motion_model import Inputs
from playmate_jax.models.streaming_speech import HopEncoder
from playmate_jax.motion.continuity import joined, smoothed, starting_weights
from playmate_jax.motion.layout import (
    EMOTIONS,
    LIP_KEYPOINTS,
    MOTION_SIZE,
    POSE,
    SAMPLES_PER_FRAME,
)
from playmate_jax.motion.normalization import bounds, denormalize
from playmate_jax.motion.windows import WindowConfig

STREAM_STEPS = 8  # of DDIM: 15 give the same lips (docs/serve.md) and take 1.7 times as long
EMOTION_A_FRAME = 0.08  # most change of a weight: half a second from nothing to all
GAIN_A_FRAME = 0.04  # most change of the head's gain: a second
CLOSING = 5  # frames after the speech in which the lips may still move freely
STILL = 0.04  # share of what is generated that resting lips follow a frame
_LIPS = np.array([3 * k + i for k in LIP_KEYPOINTS for i in range(3)])
_FADE = starting_weights()


class PlaymateStream:
    """Motion of one portrait, a hop at a time.

    Args:
      encoder: speech features of hop and look-ahead.
      identity, own: of the portrait, as in `Request`.
      emotion: the condition (8,) to begin with.
      hop, lookahead: frames that a call gives, and frames of speech after them that it hears.

    Attributes:
      seconds: of the latest calls, by stage.
    """

    def __init__(
        self,
        model: MotionModel,
        encoder: HopEncoder,
        identity: Float[np.ndarray, "63"],
        own: Float[np.ndarray, "70"],
        options: GenerateOptions,
        emotion: Float[np.ndarray, "8"],
        hop: int,
        lookahead: int,
    ):
        window = dataclasses.replace(model.config.generator.window, length=hop + lookahead)
        generator = dataclasses.replace(model.config.generator, window=window)
        self._config = dataclasses.replace(model.config, generator=generator)
        self._model, self._encoder, self._options = model, encoder, options
        self._window: WindowConfig = window
        self.hop, self.lookahead, self.context = hop, lookahead, encoder.context
        self._own = own
        statistics = model.statistics
        self._identity = statistics.normalized_identity(np.asarray(identity, np.float32))[None]
        self._limits = bounds(statistics.motion, POSE_BOUND)
        scale = options.audio_scale
        scale = model.config.audio_scale if scale is None else scale
        self._scales = np.array([scale, options.emotion_scale], np.float32)
        self._key = jax.random.key(options.seed)
        self.seconds: dict[str, deque[float]] = {
            name: deque(maxlen=4096) for name in ("features", "generate")
        }
        self._frame = 0  # of the next hop's first
        self._gap = np.zeros(MOTION_SIZE, np.float32)  # the portrait's own against the first frame
        self._history = self._silent_start(emotion, options.head_motion)

    def next(
        self,
        audio: Float[np.ndarray, "s"],
        speaking: Bool[np.ndarray, " hop"],
        emotion: Float[np.ndarray, "8"],
        head_motion: float,
    ) -> Float[np.ndarray, "hop 70"]:
        """The next hop of motion, in the renderer's units.

        Args:
          audio: `context` frames before the hop, the hop and the look-ahead, 640 samples each.
          speaking: frames of the hop that belong to an utterance.
          emotion, head_motion: what condition and gain go towards from now on.
        """
        began = time.perf_counter()
        speech = self._model.statistics.normalized_speech(self._encoder(audio))
        speech = np.asarray(speech, np.float32)
        heard = time.perf_counter()
        past, n = self._history, self._window.length
        conditions = _ramp(past.emotion[-1], emotion, n, EMOTION_A_FRAME)
        made = self._sampled(past, speech, conditions)
        made = np.clip(joined(past.motion, made, self._options.blend_frames), *self._limits)
        quiet = _quiet(float(past.quiet[-1]), speaking, n)
        made = _held(past.motion[-1], made, quiet).astype(np.float32)
        gain = _ramp(past.gain[-1:], np.array([head_motion], np.float32), n, GAIN_A_FRAME)[:, 0]
        shown = self._shown(past.motion, made, gain)
        kept = slice(self.hop)
        past.append(made[kept], speech[kept], conditions[kept], gain[kept], quiet[kept])
        self._frame += self.hop
        self.seconds["features"].append(heard - began)
        self.seconds["generate"].append(time.perf_counter() - heard)
        return shown

    def rewind(self, frames: int) -> None:
        """Takes back the newest frames, which were not shown: what follows continues the others."""
        self._history.drop(frames)
        self._frame -= frames

    def _sampled(self, past: MotionHistory, speech, conditions) -> Float[np.ndarray, "t 70"]:
        p = self._window.previous
        inputs = Inputs(
            previous_motion=past.motion[None, -p:],
            speech=np.concatenate([past.speech[-p:], speech])[None],
            identity=self._identity,
            emotion=np.concatenate([past.emotion[-p:], conditions])[None],
            has_speech=np.ones(1, bool),
            has_previous=np.ones(1, bool),
            valid=np.ones((1, self._window.length), bool),
        )
        return self._run(inputs)

    def _run(self, inputs: Inputs) -> Float[np.ndarray, "t 70"]:
        o = self._options
        made = _sample_hop(
            self._config, o.sampler, o.steps or DEFAULT_STEPS[o.sampler],
            "emotion" in self._model.params, self._model.params, self._key,
            np.int32(self._frame), inputs, self._scales, self._limits,
        )  # fmt: skip
        return np.asarray(made[0])

    def _shown(self, before, made, gain) -> Float[np.ndarray, "hop 70"]:
        """The hop in the renderer's units; the head low-passed, as `generate` does it."""
        count = len(before)
        whole = np.concatenate([before, made])
        whole[:, POSE] = smoothed(whole[:, POSE], self._options.pose_smoothing)
        rows = slice(count, count + self.hop)
        motion = denormalize(whole[rows], self._model.statistics.motion, self._own[POSE])
        moved, own = np.array(motion, np.float32), self._own[POSE]
        moved[:, POSE] = own + gain[: self.hop, None] * (moved[:, POSE] - own)
        if self._frame == 0:
            self._gap = self._own - moved[0]
        numbers = np.minimum(self._frame + np.arange(self.hop), len(_FADE) - 1)
        return moved + _FADE[numbers] * self._gap

    def _silent_start(self, emotion: np.ndarray, gain: float) -> MotionHistory:
        """A first window of silence, which nobody sees, is what the first hop continues."""
        p, n = self._window.previous, self._window.length
        silence = np.zeros((self.context + n) * SAMPLES_PER_FRAME, np.float32)
        heard = self._model.statistics.normalized_speech(self._encoder(silence))
        speech = np.repeat(np.asarray(heard, np.float32)[:1], p + n, 0)
        conditions = np.repeat(np.asarray(emotion, np.float32)[None], p + n, 0)
        inputs = Inputs(
            previous_motion=np.zeros((1, p, MOTION_SIZE), np.float32),
            speech=speech[None],
            identity=self._identity,
            emotion=conditions[None],
            has_speech=np.ones(1, bool),
            has_previous=np.zeros(1, bool),
            valid=np.ones((1, n), bool),
        )
        made = self._run(inputs)
        made = np.concatenate([np.repeat(made[:1], max(0, p - n), 0), made])
        count = len(made)
        return MotionHistory(
            made, np.resize(speech, (count, speech.shape[1])), conditions[:1].repeat(count, 0),
            np.full(count, gain, np.float32), np.arange(CLOSING, CLOSING + count, dtype=np.float32),
        )  # fmt: skip


def no_emotion() -> Float[np.ndarray, "8"]:
    """The null condition, which leaves the emotion to the speech."""
    return np.zeros(len(EMOTIONS), np.float32)


def _ramp(start: np.ndarray, goal: np.ndarray, n: int, most: float) -> np.ndarray:
    """(n, ...) from `start` towards `goal`, by at most `most` a frame."""
    steps = (np.arange(1, n + 1, dtype=np.float32) * most).reshape(-1, *[1] * np.ndim(start))
    return (start + np.clip(goal - start, -steps, steps)).astype(np.float32)


def _quiet(before: float, speaking: np.ndarray, n: int) -> Float[np.ndarray, " n"]:
    """Frames since the last one with speech, 0 within an utterance; the look-ahead is held on."""
    count, quiet = before, np.zeros(n, np.float32)
    for i in range(n):
        count = 0.0 if speaking[min(i, len(speaking) - 1)] else count + 1
        quiet[i] = count
    return quiet


def _held(before: np.ndarray, made: np.ndarray, quiet: np.ndarray) -> np.ndarray:
    """The window with lips that come to rest where nobody speaks, and start freely again."""
    made, last = made.copy(), before[_LIPS]
    follow = np.clip(1 - (quiet - CLOSING) / CLOSING, STILL, 1)
    for i, share in enumerate(follow):
        last = last + share * (made[i, _LIPS] - last)
        made[i, _LIPS] = last
    return made


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _sample_hop(config, sampler, n_steps, emotion, params, key, first, inputs, scales, limits):
    """One window of normalised motion, from the noise of its frames."""
    noise_key, sampler_key = jax.random.split(key)
    frames = first + jax.numpy.arange(config.generator.window.length)
    draw = jax.vmap(lambda t: jax.random.normal(jax.random.fold_in(noise_key, t), (MOTION_SIZE,)))
    sampler_key = jax.random.fold_in(sampler_key, first)
    return denoised(
        config, sampler, n_steps, emotion, params, sampler_key, draw(frames)[None], inputs,
        scales, limits,
    )  # fmt: skip
