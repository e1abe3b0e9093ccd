"""ArcFace's IResNet-50 and IResNet-100, published by insightface as `backbone.pth` or in ONNX."""

from playmate_jax.converters.arcface import onnx_graph, parity, rules, run
from playmate_jax.converters.family import Family
from playmate_jax.models.iresnet import IResNetConfig

FAMILY = Family(
    "arcface",
    "ArcFace's IResNet, which recognises people",
    "arcface",
    "insightface: code MIT; weights for non-commercial research",
    IResNetConfig,
    run.TINY,
    rules.config_of,
    rules.table,
    rules.leaf_shapes,
    run.runs,
    ports=parity.PORTS,
    layout=onnx_graph.LAYOUT,
)
