"""Hopenet, a teacher of head pose; published in several places."""

from playmate_jax.converters.family import Family
from playmate_jax.converters.hopenet import rules, run
from playmate_jax.models.hopenet import HopenetConfig

FAMILY = Family(
    "hopenet",
    "Hopenet, a teacher of head pose",
    "hopenet",
    "as its source says",
    HopenetConfig,
    run.TINY,
    rules.config_of,
    rules.table,
    rules.leaf_shapes,
    run.runs,
)
