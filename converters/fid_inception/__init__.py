"""FID's InceptionV3 as pytorch-fid publishes it: `pt_inception-2015-12-05-6726825d.pth`."""

from playmate_jax.converters.family import Family
from playmate_jax.converters.fid_inception import parity, rules, run
from playmate_jax.models.inception import InceptionConfig

FAMILY = Family(
    "fid-inception",
    "FID's InceptionV3, the features of generated images",
    "fid-inception",
    "Apache-2.0 (pytorch-fid; weights of TensorFlow's Inception)",
    InceptionConfig,
    run.TINY,
    rules.config_of,
    rules.table,
    rules.leaf_shapes,
    run.runs,
    ports=parity.PORTS,
)
