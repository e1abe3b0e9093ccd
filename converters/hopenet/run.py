"""How Hopenet runs on both sides, and a size small enough for a recording."""

from playmate_jax.converters.layer_outputs import Run, flax_layers, reference
from playmate_jax.converters.synthetic_weights import inputs
from playmate_jax.models.hopenet import Hopenet, HopenetConfig

TINY = HopenetConfig((1, 2), (4, 8))


def runs(config: HopenetConfig) -> list[Run]:
    """One small image of noise."""
    image = inputs(image=((1, 3, 64, 64), "unit"))
    made = reference("hopenet.reference", "HopenetReference", config)
    return [Run("", made, flax_layers(Hopenet(config)), image)]
