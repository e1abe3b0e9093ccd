"""Our own generator behind the pipeline's protocol: speech encoder + `generate`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.inference.generate import (
    DEFAULT_STEPS,
    GenerateOptions,
    MotionModel,
    generate,
    motion_model,
)
from playmate_jax.inference.motion_generator import Progress, Request
from playmate_jax.inference.motion_stream import STREAM_STEPS, PlaymateStream, no_emotion
from playmate_jax.models.speech import SpeechEncoder
from playmate_jax.models.speech_encoders import load_speech_encoder
from playmate_jax.models.streaming_speech import hop_encoder

_OPTIONS = ("audio_scale", "emotion_scale", "sampler", "steps", "head_motion", "seed")


class PlaymateGenerator:
    """The motion generator of our own weights: a `MotionModel` with its speech encoder."""

    def __init__(self, model: MotionModel, encoder: SpeechEncoder):
        self.model, self.encoder = model, encoder

    def with_defaults(self, request: Request) -> Request:
        """The request with the model's own sampler, steps and guidance where none is given."""
        own = GenerateOptions()
        asked = request.with_defaults(
            audio_scale=self.model.config.audio_scale,
            emotion_scale=own.emotion_scale,
            sampler=own.sampler,
        )
        return asked.with_defaults(steps=DEFAULT_STEPS.get(str(asked.sampler)))

    def __call__(
        self, audio: Float[np.ndarray, "s"], request: Request, progress: Progress
    ) -> Float[np.ndarray, "t 70"]:
        self._check_emotion(request.emotion is not None)
        options = self._options(request)
        speech = self.encoder(audio)
        return generate(
            self.model, speech, request.identity, request.own, request.emotion, options, progress
        )

    def stream(
        self,
        request: Request,
        hop: int,
        lookahead: int,
        start: Float[np.ndarray, "s"],
        voice: Float[np.ndarray, "v"] | None,
    ) -> PlaymateStream:
        """Motion in hops of `hop` frames, each heard `lookahead` frames further.

        Args:
          request: its emotion is the condition of the first frame.
          start, voice: whose level and spectrum are assumed; see `models/streaming_speech.py`.
        """
        self._check_emotion(request.emotion is not None)
        emotion = no_emotion() if request.emotion is None else request.emotion[0]
        if request.sampler in (None, "ddim"):
            request = request.with_defaults(steps=STREAM_STEPS)
        encoder = hop_encoder(self.encoder, hop, start, voice)
        return PlaymateStream(
            self.model, encoder, request.identity, request.own, self._options(request), emotion,
            hop, lookahead,
        )  # fmt: skip

    def _options(self, request: Request) -> GenerateOptions:
        request = self.with_defaults(request)
        return GenerateOptions(**{name: getattr(request, name) for name in _OPTIONS})

    def _check_emotion(self, asked: bool) -> None:
        if asked and "emotion" not in self.model.params:
            raise UserError(
                "expected weights with an emotion controller, found those of stage 1 alone: ask "
                "for no emotion or give other weights"
            )


def load(
    config: Mapping[str, Any], params: Mapping[str, Any], card: Mapping[str, Any], directory: Path
) -> PlaymateGenerator:
    """From a loaded weights directory.

    Raises:
      UserError: not these networks, or a speech encoder that is not known or not there.
    """
    model = motion_model(config, params, card, str(directory))
    encoder = load_speech_encoder(model.config.speech, directory)
    wanted = model.config.generator.speech_size
    if encoder.size != wanted:
        raise UserError(
            f"expected {encoder.size} speech features of '{model.config.speech}' in {directory}, "
            f"found {wanted}: give other weights"
        )
    return PlaymateGenerator(model, encoder)
