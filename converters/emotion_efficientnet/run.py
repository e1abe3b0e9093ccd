"""How EfficientNet runs on both sides, and a size small enough for a recording."""

from playmate_jax.converters.layer_outputs import Run, flax_layers, reference
from playmate_jax.converters.synthetic_weights import inputs
from playmate_jax.models.efficientnet import EfficientNet, EfficientNetConfig

TINY = EfficientNetConfig(4, (1, 2, 2), (4, 4, 8), 12)


def runs(config: EfficientNetConfig) -> list[Run]:
    """One image of noise, of a size that strides pad on both sides and on one alone."""
    image = inputs(image=((1, 3, 50, 50), "unit"))
    made = reference("emotion_efficientnet.reference", "EfficientNetReference", config)
    return [Run("", made, flax_layers(EfficientNet(config)), image)]
