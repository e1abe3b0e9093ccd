"""How a speech encoder runs on both sides, and a size small enough for a recording."""

from playmate_jax.converters.layer_outputs import Run, flax_layers, reference
from playmate_jax.converters.synthetic_weights import inputs
from playmate_jax.models.wav2vec2 import Wav2Vec2, Wav2Vec2Config

TINY = Wav2Vec2Config(
    channels=(16,) * 3, kernels=(10, 3, 2), strides=(5, 2, 2), width=32, layers=2, heads=4,
    feed_forward=48, position_kernel=16, position_groups=4,
)  # fmt: skip
SAMPLES = 3000  # of audio


def runs(config: Wav2Vec2Config) -> list[Run]:
    """Runs on short noise; the convolution for positions is compared after its GELU."""
    made = reference("wav2vec2.reference", "SpeechEncoderReference", config)
    position = "encoder.pos_conv_embed"
    audio = inputs(audio=((1, SAMPLES), "normal"))
    return [Run("", made, flax_layers(Wav2Vec2(config)), audio, {f"{position}.conv": position})]
