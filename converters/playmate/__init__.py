"""Our motion generator with its emotion controller: an export of a weights directory."""

from playmate_jax.converters.family import Family
from playmate_jax.converters.own_names import no_config
from playmate_jax.converters.playmate import rules, run
from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.models.motion_model import MotionModelConfig

FAMILY = Family(
    "playmate",
    "our motion generator with its emotion controller",
    "playmate",
    "Apache-2.0",
    MotionModelConfig,
    run.TINY,
    rules.sizes,
    rules.table,
    rules.leaf_shapes,
    run.runs,
    config_from_metadata=no_config,
    full=lambda: MotionModelConfig(emotion=EmotionConfig()),  # off by default
)
