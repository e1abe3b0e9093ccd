"""LPIPS with AlexNet's or VGG16's trunk: the pip package's heads, torchvision's convolutions."""

from playmate_jax.converters.family import Family
from playmate_jax.converters.lpips import files, parity, precision, rules, run
from playmate_jax.models.lpips import LPIPSConfig

FAMILY = Family(
    "lpips",
    "LPIPS, how different two images look",
    "lpips",
    "heads BSD-2-Clause (lpips); trunk BSD-3-Clause (torchvision)",
    LPIPSConfig,
    run.TINY,
    rules.config_of,
    rules.table,
    rules.leaf_shapes,
    run.runs,
    ports=parity.PORTS,
    against_float64=precision.AGAINST_FLOAT64,
    rename=rules.present_name,
    layout=files.LAYOUT,
)
