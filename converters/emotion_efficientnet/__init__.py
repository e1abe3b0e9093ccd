"""EmotiEffLib's EfficientNet-B0 and -B2, which recognise emotions: timm's state dict."""

from playmate_jax.converters.emotion_efficientnet import parity, rules, run
from playmate_jax.converters.family import Family
from playmate_jax.models.efficientnet import EfficientNetConfig

FAMILY = Family(
    "emotion-efficientnet",
    "EmotiEffLib's EfficientNet, which recognises emotions",
    "emotion-efficientnet",
    "Apache-2.0 (EmotiEffLib)",
    EfficientNetConfig,
    run.TINY,
    rules.config_of,
    rules.table,
    rules.leaf_shapes,
    run.runs,
    ports=parity.PORTS,
    rename=rules.present_name,
)
