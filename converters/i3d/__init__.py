"""I3D of Kinetics-400 for FVD: a state dict, a TorchScript file, or TF-hub's SavedModel."""

from playmate_jax.converters.family import Family
from playmate_jax.converters.i3d import files, parity, rules, run
from playmate_jax.models.i3d import I3DConfig

FAMILY = Family(
    "i3d",
    "I3D, whose logits FVD compares",
    "i3d",
    "Apache-2.0 (deepmind/i3d-kinetics-400)",
    I3DConfig,
    run.TINY,
    rules.config_of,
    rules.table,
    rules.leaf_shapes,
    run.runs,
    ports=parity.PORTS,
    rename=rules.present_name,
    layout=files.LAYOUT,
)
