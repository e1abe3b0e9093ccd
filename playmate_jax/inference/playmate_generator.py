"""Our own generator behind the pipeline's protocol: speech encoder + `generate`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError, nearest
from playmate_jax.inference.generate import GenerateOptions, MotionModel, generate, motion_model
from playmate_jax.inference.generators import Progress, Request
from playmate_jax.models.log_mel import LogMelConfig, log_mel
from playmate_jax.models.speech import SpeechEncoder


class LogMel:
    """`SpeechEncoder` that needs no weights."""

    config = LogMelConfig()
    size = config.size

    def __call__(self, audio: Float[np.ndarray, "s"]) -> Float[np.ndarray, "t f"]:
        return log_mel(audio, self.config)


# A generator's configuration names the encoder whose features it was trained on.
SPEECH_ENCODERS: dict[str, type] = {"log_mel": LogMel}


class PlaymateGenerator:
    """`MotionGenerator` over a `MotionModel`."""

    def __init__(self, model: MotionModel, encoder: SpeechEncoder):
        self.model, self.encoder = model, encoder

    def __call__(
        self, audio: Float[np.ndarray, "s"], request: Request, progress: Progress
    ) -> Float[np.ndarray, "t 70"]:
        if request.emotion is not None and "emotion" not in self.model.params:
            raise UserError(
                "expected weights with an emotion controller, found those of stage 1 alone: ask "
                "for no emotion or give other weights"
            )
        options = GenerateOptions(
            audio_scale=request.audio_scale,
            emotion_scale=request.emotion_scale,
            sampler=request.sampler,
            steps=request.steps,
            head_motion=request.head_motion,
            seed=request.seed,
        )
        speech = self.encoder(audio)
        return generate(
            self.model, speech, request.identity, request.own, request.emotion, options, progress
        )


def load(
    config: Mapping[str, Any], params: Mapping[str, Any], card: Mapping[str, Any], source: str
) -> PlaymateGenerator:
    """From a loaded weights directory; `source` names it in errors.

    Raises:
      UserError: not these networks, or a speech encoder that is not known here.
    """
    model = motion_model(config, params, card, source)
    name = model.config.speech
    if name not in SPEECH_ENCODERS:
        raise UserError(
            f"expected a speech encoder among {', '.join(SPEECH_ENCODERS)} in {source}, found "
            f"'{name}'{nearest(name, SPEECH_ENCODERS)}: give other weights"
        )
    encoder = SPEECH_ENCODERS[name]()
    wanted = model.config.generator.speech_size
    if encoder.size != wanted:
        raise UserError(
            f"expected {encoder.size} speech features of '{name}' in {source}, found {wanted}: "
            "give other weights"
        )
    return PlaymateGenerator(model, encoder)
