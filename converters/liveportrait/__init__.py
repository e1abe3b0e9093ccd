"""LivePortrait: F, M, W, G, S and the retargeters, five files or any one of them."""

from playmate_jax.converters.family import Family
from playmate_jax.converters.liveportrait import files, parity, precision, rules, run, sizes
from playmate_jax.models.renderer import RendererConfig

FAMILY = Family(
    "liveportrait",
    "F, M, W, G, S and the retargeters of LivePortrait",
    "renderer",
    "MIT (LivePortrait's code and weights)",
    RendererConfig,
    run.TINY,
    sizes.config_of,
    rules.table,
    rules.shapes,
    run.runs,
    ports=parity.PORTS,
    against_float64={"liveportrait_spade": precision.against_float64},
    parts=rules.PARTS,
    layout=files.LAYOUT,
    domain="photographs",
)
