"""How SyncNet runs on both sides, and a size small enough for a recording."""

from playmate_jax.converters.layer_outputs import Run, flax_layers, reference
from playmate_jax.converters.synthetic_weights import inputs
from playmate_jax.models.syncnet import CEPSTRA, FRAMES, STEPS, SyncNet, SyncNetConfig

TINY = SyncNetConfig((2, 4, 4, 4, 4, 8), (3, 4, 4, 4, 4, 8), 6, 12, image_size=96)


def runs(config: SyncNetConfig) -> list[Run]:
    """One window of speech and one of lips."""
    drawn = inputs(
        mfcc=((1, 1, CEPSTRA, STEPS), "normal"),
        frames=((1, 3, FRAMES, config.image_size, config.image_size), "unit"),
    )
    made = reference("syncnet.reference", "SyncNetReference", config)
    return [Run("", made, flax_layers(SyncNet(config)), drawn)]
