"""How I3D runs on both sides, and a size small enough for a recording."""

from playmate_jax.converters.layer_outputs import Run, flax_layers, reference
from playmate_jax.converters.synthetic_weights import inputs
from playmate_jax.models.i3d import BLOCKS, I3D, I3DConfig

TINY = I3DConfig((4, 4, 6), ((4, 3, 4, 2, 3, 2),) * len(BLOCKS), 5)


def runs(config: I3DConfig) -> list[Run]:
    """A video whose odd sizes are padded unevenly, with two places in time before the mean."""
    video = inputs(video=((1, 3, 18, 36, 36), "unit"))
    made = reference("i3d.reference", "I3DReference", config)
    return [Run("", made, flax_layers(I3D(config)), video)]
