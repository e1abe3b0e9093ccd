"""How the speech encoders' recordings were made: a second of noise, every layer's output."""

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.converters.golden import Outputs, Port, Reference
from playmate_jax.converters.wav2vec2.config import config_of
from playmate_jax.converters.wav2vec2.rules import leaf_shapes, table
from playmate_jax.models.wav2vec2 import Wav2Vec2


def port(network: str) -> Port:
    """The recording of one published network: every layer's output."""

    def outputs(reference: Reference) -> Outputs:
        config = config_of({"model_type": "wav2vec2", **reference.configs.get(network, {})})
        variables = reference.convert(network, table(config), leaf_shapes(config))
        audio = jnp.asarray(0.1 * reference.input(f"{network}.audio", (1, 16_000)))
        states = jax.jit(Wav2Vec2(config).apply)(variables, audio)
        for i, state in enumerate(states):
            yield f"{network}.hidden_states.{i}", np.asarray(state)
        yield f"{network}.last_hidden_state", np.asarray(states[-1])

    return outputs
