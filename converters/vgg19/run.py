"""How VGG19 runs on both sides, and a size small enough for a recording."""

from playmate_jax.converters.layer_outputs import Run, flax_layers, reference
from playmate_jax.converters.synthetic_weights import inputs
from playmate_jax.models.vgg19 import VGG19, VGG19Config

TINY = VGG19Config((2, 1, 2), (4, 8, 8))


def runs(config: VGG19Config) -> list[Run]:
    """An image of the least size."""
    image = inputs(image=((1, 3, 32, 32), "unit"))
    made = reference("vgg19.reference", "VGG19Reference", config)
    return [Run("", made, flax_layers(VGG19(config)), image)]
