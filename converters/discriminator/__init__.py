"""Patch discriminators at several scales, as FOMM names them; no weights are published yet."""

from playmate_jax.converters.discriminator import rules, run
from playmate_jax.converters.family import Family
from playmate_jax.models.discriminator import DiscriminatorConfig

FAMILY = Family(
    "discriminator",
    "patch discriminators at several scales",
    "discriminator",
    "as its source says",
    DiscriminatorConfig,
    run.TINY,
    rules.config_of,
    rules.table,
    rules.leaf_shapes,
    run.runs,
)
