"""VGG19's convolutions, for the perceptual loss; published by torchvision."""

from playmate_jax.converters.family import Family
from playmate_jax.converters.vgg19 import parity, rules, run
from playmate_jax.models.vgg19 import VGG19Config

FAMILY = Family(
    "vgg19",
    "VGG19's convolutions, for the perceptual loss",
    "vgg19",
    "BSD-3-Clause",
    VGG19Config,
    run.TINY,
    rules.config_of,
    rules.table,
    rules.leaf_shapes,
    run.runs,
    ports=parity.PORTS,
    rename=rules.present_name,
)
