"""How LPIPS runs on both sides, and a size small enough for a recording."""

from playmate_jax.converters.layer_outputs import Run, flax_layers, reference
from playmate_jax.converters.synthetic_weights import inputs
from playmate_jax.models.lpips import LPIPS, LPIPSConfig

TINY = LPIPSConfig("alex", (4, 6, 8, 6, 4))


def runs(config: LPIPSConfig) -> list[Run]:
    """Two images of noise on both sides."""
    size = (1, 3, 64, 64)
    drawn = inputs(image=(size, "unit"), other=(size, "unit"))
    made = reference("lpips.reference", "LPIPSReference", config)
    return [Run("", made, flax_layers(LPIPS(config)), drawn)]
