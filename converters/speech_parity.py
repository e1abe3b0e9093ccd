"""How the speech encoders' recordings were made: a second of noise, every layer's output."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.converters import speech_encoders
from playmate_jax.converters.parity import Outputs, Reference
from playmate_jax.models.wav2vec2 import Wav2Vec2


def _encoder(network: str) -> Callable[[Reference], Outputs]:
    def outputs(reference: Reference) -> Outputs:
        config = speech_encoders.config_of(
            {"model_type": "wav2vec2", **reference.configs.get(network, {})}
        )
        variables = reference.convert(
            network, speech_encoders.table(config), speech_encoders.leaf_shapes(config)
        )
        audio = jnp.asarray(0.1 * reference.input(f"{network}.audio", (1, 16_000)))
        states = jax.jit(Wav2Vec2(config).apply)(variables, audio)
        for i, state in enumerate(states):
            yield f"{network}.hidden_states.{i}", np.asarray(state)
        yield f"{network}.last_hidden_state", np.asarray(states[-1])

    return outputs


PORTS = {network: _encoder(network) for network in ("wav2vec2_base", "hubert_base")}
