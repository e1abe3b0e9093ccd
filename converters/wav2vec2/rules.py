"""wav2vec 2.0 and HuBERT: the table between transformers' names and `models/wav2vec2.py`.

Names may begin with `wav2vec2.` or `hubert.`; the weight norm of the positional convolution has an
old and a new spelling; heads for recognition and pretraining are left out by name.
"""

import functools
import re

import numpy as np
from flax.traverse_util import flatten_dict

from playmate_jax.converters.layers import CONV, IDENTITY, conv, dense, layer_norm
from playmate_jax.converters.rules import Ignored, Op, Rule, Table
from playmate_jax.models.wav2vec2 import Wav2Vec2Config, shapes

PREFIX = re.compile(r"^(wav2vec2|hubert)\.")
HEADS = re.compile(r"^(lm_head|quantizer|project_q|project_hid|dropout_features)\b")
CONVOLUTION = "encoder.pos_conv_embed.conv"
LENGTH, DIRECTION = (f"{CONVOLUTION}.parametrizations.weight.original{i}" for i in (0, 1))
SPELLINGS = {f"{CONVOLUTION}.weight_g": LENGTH, f"{CONVOLUTION}.weight_v": DIRECTION}
TAPS = Op("taps", lambda x: x.reshape(-1), lambda x: x.reshape(1, 1, -1))


def present_name(name: str, prefix: str = "") -> str | None:
    """A tensor's name as transformers has it now: prefix (of either network, or the one given) and
    old spelling gone; None for heads."""
    name = name.removeprefix(prefix) if prefix else PREFIX.sub("", name)
    return None if HEADS.match(name) else SPELLINGS.get(name, name)


def table(config: Wav2Vec2Config) -> Table:
    """The encoder, in transformers' order of names."""
    rules: Table = [Ignored("masked_spec_embed", np.zeros(config.width, np.float32))]
    for i in range(len(config.channels)):
        source = f"feature_extractor.conv_layers.{i}"
        rules += conv(f"{source}.conv", f"features/conv_{i}", dims=1, bias=config.conv_bias)
        if i == 0 or config.feature_norm == "layer":
            rules += layer_norm(f"{source}.layer_norm", f"features/norm_{i}")
    if config.projection_norm:
        rules += layer_norm("feature_projection.layer_norm", "projection_norm")
    rules += dense("feature_projection.projection", "projection")
    rules += [
        Rule(f"{CONVOLUTION}.bias", "params/positions/bias", IDENTITY),
        Rule(LENGTH, "params/positions/length", TAPS),
        Rule(DIRECTION, "params/positions/direction", CONV[1]),
    ]
    rules += layer_norm("encoder.layer_norm", "norm")
    for i in range(config.layers):
        source, target = f"encoder.layers.{i}", f"layer_{i}"
        for ours, theirs in (("key", "k"), ("value", "v"), ("query", "q"), ("out", "out")):
            rules += dense(f"{source}.attention.{theirs}_proj", f"{target}/{ours}")
        rules += layer_norm(f"{source}.layer_norm", f"{target}/norm")
        rules += dense(f"{source}.feed_forward.intermediate_dense", f"{target}/widen")
        rules += dense(f"{source}.feed_forward.output_dense", f"{target}/narrow")
        rules += layer_norm(f"{source}.final_layer_norm", f"{target}/final_norm")
    return rules


@functools.cache
def leaf_shapes(config: Wav2Vec2Config) -> dict[str, tuple[int, ...]]:
    """Every leaf of the encoder's variables and its shape."""
    return {name: leaf.shape for name, leaf in flatten_dict(shapes(config), sep="/").items()}
