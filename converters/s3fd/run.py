"""How S3FD runs on both sides, and a size small enough for a recording."""

from playmate_jax.converters.layer_outputs import Run, flax_layers, reference
from playmate_jax.converters.synthetic_weights import inputs
from playmate_jax.models.s3fd import S3FD, S3FDConfig

TINY = S3FDConfig((2, 3, 4, 4, 5), 8, (3, 4, 3, 4))


def runs(config: S3FDConfig) -> list[Run]:
    """An image that poolings do not divide: 76 x 100 pixels are 19 x 25 in front of the third."""
    image = inputs(image=((1, 3, 76, 100), "unit"))
    made = reference("s3fd.reference", "S3FDReference", config)
    return [Run("", made, flax_layers(S3FD(config)), image)]
