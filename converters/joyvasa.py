"""JoyVASA's motion generator: tables between its checkpoint and `models/joyvasa.py`."""

import numpy as np
from flax.traverse_util import flatten_dict

from playmate_jax.converters.rules import (
    IDENTITY,
    LINEAR,
    Ignored,
    Rule,
    Table,
    dense,
    layer_norm,
)
from playmate_jax.models.joyvasa import DenoiserConfig, alignment, shapes, sinusoids

_LAYER_NORMS = ("norm_motion", "norm_speech", "norm")


def denoiser_table(config: DenoiserConfig, source: str = "", target: str = "") -> Table:
    """DenoisingNetwork in PyTorch's order of names, computed tables among them."""
    rules: Table = []
    tokens = config.window.total
    if config.align_width > 0:
        rules += [Ignored(f"{source}alignment_mask", ~alignment(tokens, config.align_width))]
    rules += [Ignored(f"{source}TE.pe", sinusoids(config.n_diffusion_steps + 1, config.width)[None])]
    rules += dense(f"{source}diff_step_map.0", f"{target}step_in")
    rules += dense(f"{source}diff_step_map.2", f"{target}step_out")
    rules += [Ignored(f"{source}PE.pe", sinusoids(600, config.width)[None])]
    rules += dense(f"{source}feature_proj", f"{target}project")
    for i in range(config.layers):
        theirs, ours = f"{source}transformer.layers.{i}", f"{target}layer_{i}"
        rules += _attention(f"{theirs}.self_attn", f"{ours}/motion")
        rules += _attention(f"{theirs}.multihead_attn", f"{ours}/speech")
        rules += dense(f"{theirs}.linear1", f"{ours}/widen")
        rules += dense(f"{theirs}.linear2", f"{ours}/narrow")
        for j, norm in enumerate(_LAYER_NORMS, 1):
            rules += layer_norm(f"{theirs}.norm{j}", f"{ours}/{norm}")
    rules += dense(f"{source}motion_dec.0", f"{target}motion_in")
    rules += dense(f"{source}motion_dec.2", f"{target}motion_out")
    return rules


def _attention(source: str, target: str) -> Table:
    return [
        Rule(f"{source}.in_proj_weight", f"params/{target}/kernel", LINEAR),
        Rule(f"{source}.in_proj_bias", f"params/{target}/bias", IDENTITY),
        *dense(f"{source}.out_proj", f"{target}/out"),
    ]


def leaf_shapes(config: DenoiserConfig, speech_size: int = 768) -> dict[str, tuple[int, ...]]:
    """Every leaf of `Joyvasa`'s variables and its shape."""
    leaves = flatten_dict(shapes(config, speech_size), sep="/")
    return {name: leaf.shape for name, leaf in leaves.items()}
