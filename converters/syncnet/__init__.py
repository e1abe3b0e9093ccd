"""SyncNet, which compares lips with speech: its published `syncnet_v2.model`."""

from playmate_jax.converters.family import Family
from playmate_jax.converters.syncnet import parity, rules, run
from playmate_jax.models.syncnet import SyncNetConfig

FAMILY = Family(
    "syncnet",
    "SyncNet, which compares lips with speech",
    "syncnet",
    "SyncNet: code MIT; weights as their source says (robots.ox.ac.uk/~vgg/software/lipsync)",
    SyncNetConfig,
    run.TINY,
    rules.sizes,
    rules.table,
    rules.leaf_shapes,
    run.runs,
    ports=parity.PORTS,
)
