"""How InceptionV3 runs on both sides, and a size small enough for a recording."""

from playmate_jax.converters.layer_outputs import Run, flax_layers, reference
from playmate_jax.converters.synthetic_weights import inputs
from playmate_jax.models.inception import Inception, InceptionConfig

# one block of every kind
TINY = InceptionConfig(
    ("Mixed_5b", "Mixed_6a", "Mixed_6b", "Mixed_7a", "Mixed_7b", "Mixed_7c"), divisor=16
)


def runs(config: InceptionConfig) -> list[Run]:
    """One image of noise, of which the last blocks see 2 x 2 cells."""
    image = inputs(image=((1, 3, 107, 107), "unit"))
    made = reference("fid_inception.reference", "InceptionReference", config)
    return [Run("", made, flax_layers(Inception(config)), image)]
