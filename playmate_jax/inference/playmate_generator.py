"""Our own generator behind the pipeline's protocol: speech encoder + `generate`."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError, nearest
from playmate_jax.inference.generate import (
    DEFAULT_STEPS,
    GenerateOptions,
    MotionModel,
    generate,
    motion_model,
)
from playmate_jax.inference.generators import Progress, Request
from playmate_jax.models.log_mel import LogMelConfig, log_mel
from playmate_jax.models.speech import SpeechEncoder


class LogMel:
    """`SpeechEncoder` that needs no weights."""

    config = LogMelConfig()
    size = config.size

    def __call__(self, audio: Float[np.ndarray, "s"]) -> Float[np.ndarray, "t f"]:
        return log_mel(audio, self.config)


def _log_mel(directory: Path, layer: str) -> SpeechEncoder:
    return LogMel()


def _pretrained(name: str, directory: Path, layer: str) -> SpeechEncoder:
    """In the folder `speech` beside the generator's, or fetched."""
    from playmate_jax.inference.bundles import speech_directory
    from playmate_jax.models.pretrained_speech import load_speech

    folder = speech_directory(name, directory)
    encoder = load_speech(folder, layer or "last")
    if encoder.config.name != name:
        raise UserError(
            f"expected the speech encoder '{name}' in {folder}, which the generator was trained "
            f"with, found '{encoder.config.name}': put its weights there"
        )
    return encoder


# A generator's configuration names the encoder whose features it was trained on, and after a slash
# the layer, where it is not the last: "log_mel", "wav2vec2", "hubert/9", "wav2vec2/mean".
SPEECH_ENCODERS: dict[str, Callable[[Path, str], SpeechEncoder]] = {
    "log_mel": _log_mel,
    **{name: functools.partial(_pretrained, name) for name in ("wav2vec2", "hubert")},
}


_OPTIONS = ("audio_scale", "emotion_scale", "sampler", "steps", "head_motion", "seed")


class PlaymateGenerator:
    """`MotionGenerator` over a `MotionModel`."""

    def __init__(self, model: MotionModel, encoder: SpeechEncoder):
        self.model, self.encoder = model, encoder

    def settled(self, request: Request) -> Request:
        own = GenerateOptions()
        asked = request.filled(
            audio_scale=self.model.config.audio_scale,
            emotion_scale=own.emotion_scale,
            sampler=own.sampler,
        )
        return asked.filled(steps=DEFAULT_STEPS.get(str(asked.sampler)))

    def __call__(
        self, audio: Float[np.ndarray, "s"], request: Request, progress: Progress
    ) -> Float[np.ndarray, "t 70"]:
        if request.emotion is not None and "emotion" not in self.model.params:
            raise UserError(
                "expected weights with an emotion controller, found those of stage 1 alone: ask "
                "for no emotion or give other weights"
            )
        request = self.settled(request)
        options = GenerateOptions(**{name: getattr(request, name) for name in _OPTIONS})
        speech = self.encoder(audio)
        return generate(
            self.model, speech, request.identity, request.own, request.emotion, options, progress
        )


def load(
    config: Mapping[str, Any], params: Mapping[str, Any], card: Mapping[str, Any], directory: Path
) -> PlaymateGenerator:
    """From a loaded weights directory.

    Raises:
      UserError: not these networks, or a speech encoder that is not known or not there.
    """
    model = motion_model(config, params, card, str(directory))
    name, _, layer = model.config.speech.partition("/")
    if name not in SPEECH_ENCODERS:
        raise UserError(
            f"expected a speech encoder among {', '.join(SPEECH_ENCODERS)} in {directory}, found "
            f"'{name}'{nearest(name, SPEECH_ENCODERS)}: give other weights"
        )
    encoder = SPEECH_ENCODERS[name](directory, layer)
    wanted = model.config.generator.speech_size
    if encoder.size != wanted:
        raise UserError(
            f"expected {encoder.size} speech features of '{name}' in {directory}, found {wanted}: "
            "give other weights"
        )
    return PlaymateGenerator(model, encoder)
