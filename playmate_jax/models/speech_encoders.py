"""The registry of speech encoders: a name and a layer to an encoder that is ready to use.

A configuration names the encoder of its features and, after a slash, the layer where it is not the
last: "log_mel", "wav2vec2", "hubert/9", "wav2vec2/mean". A new encoder is one more row of
`SPEECH_ENCODERS`.
"""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError, nearest
from playmate_jax.models.log_mel import LogMelConfig, log_mel
from playmate_jax.models.speech import SpeechEncoder


class LogMel:
    """The log-mel front end as a `SpeechEncoder`: no weights, `LogMelConfig.size` features."""

    config = LogMelConfig()
    size = config.size

    def __call__(self, audio: Float[np.ndarray, "s"]) -> Float[np.ndarray, "t f"]:
        return log_mel(audio, self.config)


def _log_mel(directory: Path, layer: str) -> SpeechEncoder:
    return LogMel()


def _pretrained(name: str, directory: Path, layer: str) -> SpeechEncoder:
    """From the folder `speech` beside the generator's weights, or fetched by name."""
    from playmate_jax.hub.bundles import speech_directory
    from playmate_jax.models.pretrained_speech import load_speech

    folder = speech_directory(name, directory)
    encoder = load_speech(folder, layer or "last")
    if encoder.config.name != name:
        raise UserError(
            f"expected the speech encoder '{name}' in {folder}, which the generator was trained "
            f"with, found '{encoder.config.name}': put its weights there"
        )
    return encoder


SPEECH_ENCODERS: dict[str, Callable[[Path, str], SpeechEncoder]] = {
    "log_mel": _log_mel,
    **{name: functools.partial(_pretrained, name) for name in ("wav2vec2", "hubert")},
}


def load_speech_encoder(spec: str, directory: Path) -> SpeechEncoder:
    """The encoder that a generator's configuration names.

    Args:
      spec: "name" or "name/layer".
      directory: the generator's weights directory; pretrained encoders are looked for beside it.

    Raises:
      UserError: an unknown encoder, or one whose weights are not there or damaged.
    """
    name, _, layer = spec.partition("/")
    if name not in SPEECH_ENCODERS:
        raise UserError(
            f"expected a speech encoder among {', '.join(SPEECH_ENCODERS)} in {directory}, found "
            f"'{name}'{nearest(name, SPEECH_ENCODERS)}: give other weights"
        )
    return SPEECH_ENCODERS[name](directory, layer)
