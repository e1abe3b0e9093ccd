"""How the discriminators run on both sides, and a size small enough for a recording."""

from playmate_jax.converters.discriminator.rules import smallest_image
from playmate_jax.converters.layer_outputs import Run, flax_layers, reference
from playmate_jax.converters.synthetic_weights import inputs
from playmate_jax.models.discriminator import DiscriminatorConfig, MultiScaleDiscriminator

TINY = DiscriminatorConfig(channels=2, max_channels=8, blocks=3)


def runs(config: DiscriminatorConfig) -> list[Run]:
    """An image of which the last scale's last block still has 4 x 4 cells to normalise over."""
    side = smallest_image(config, 4)
    image = inputs(image=((1, 3, side, side), "unit"))
    made = reference("discriminator.reference", "DiscriminatorReference", config)
    return [Run("", made, flax_layers(MultiScaleDiscriminator(config)), image)]
