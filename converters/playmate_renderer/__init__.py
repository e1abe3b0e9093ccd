"""Our small renderers, as the demo's: an export of a weights directory."""

import json

from playmate_jax.converters.family import Family
from playmate_jax.converters.own_names import no_config
from playmate_jax.converters.playmate_renderer import rules, run
from playmate_jax.hub.bundles import SHIPPED
from playmate_jax.models.renderer import RendererConfig, config_from


def shipped_config() -> RendererConfig:
    """The configuration of the shipped demo's renderer."""
    file = SHIPPED / "demo" / "renderer" / "config.json"
    return config_from(json.loads(file.read_text("utf-8")), str(file))


FAMILY = Family(
    "playmate-renderer",
    "our small renderers, as the demo's",
    "renderer",
    "Apache-2.0",
    RendererConfig,
    run.TINY,
    rules.sizes,
    rules.table,
    rules.leaf_shapes,
    run.runs,
    config_from_metadata=no_config,
    full=shipped_config,
)
