"""S3FD, the face detector in front of SyncNet: its published `sfd_face.pth`."""

from playmate_jax.converters.family import Family
from playmate_jax.converters.s3fd import rules, run
from playmate_jax.models.s3fd import S3FDConfig

FAMILY = Family(
    "s3fd",
    "S3FD, which finds faces for SyncNet",
    "s3fd",
    "SyncNet: code MIT; weights as their source says (robots.ox.ac.uk/~vgg/software/lipsync)",
    S3FDConfig,
    run.TINY,
    rules.config_of,
    rules.table,
    rules.leaf_shapes,
    run.runs,
)
