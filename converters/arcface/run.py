"""How IResNet runs on both sides, and a size small enough for a recording."""

from playmate_jax.converters.layer_outputs import Run, flax_layers, reference
from playmate_jax.converters.synthetic_weights import inputs
from playmate_jax.models.iresnet import IResNet, IResNetConfig

TINY = IResNetConfig((1, 2), (4, 8), 6, image_size=12)


def runs(config: IResNetConfig) -> list[Run]:
    """One image of noise on both sides."""
    image = inputs(image=((1, 3, config.image_size, config.image_size), "unit"))
    made = reference("arcface.reference", "IResNetReference", config)
    return [Run("", made, flax_layers(IResNet(config)), image)]
