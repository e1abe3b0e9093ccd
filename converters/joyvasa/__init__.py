"""JoyVASA's motion generator with its own speech encoder: a checkpoint and its motion template."""

from playmate_jax.converters.family import Family
from playmate_jax.converters.joyvasa import config, files, parity, rules, run
from playmate_jax.models.joyvasa import JoyvasaConfig

FAMILY = Family(
    "joyvasa",
    "JoyVASA's motion generator, with its own speech encoder",
    "joyvasa",
    "JoyVASA: code MIT; weights as their model card says (huggingface.co/jdh-algo/JoyVASA)",
    JoyvasaConfig,
    run.TINY,
    config.sizes,
    rules.table,
    rules.all_leaf_shapes,
    run.runs,
    ports=parity.PORTS,
    rename=rules.present_name,
    config_from_metadata=config.config_of,
    card_fields=files.card_fields,
    content=files.content,
    layout=files.LAYOUT,
    domain="photographs",
)
