"""The configuration of wav2vec 2.0 and HuBERT: from and to transformers' JSON, and from shapes.

JSON is read here rather than by transformers' own classes, whose import takes 3 s and 256 MB, more
than many conversions; tests hold the defaults and the names of both sides to each other.
"""

from collections.abc import Mapping
from typing import Any

from playmate_jax.converters.sizes import Shapes, count
from playmate_jax.converters.wav2vec2.rules import DIRECTION
from playmate_jax.errors import UserError
from playmate_jax.models.wav2vec2 import Wav2Vec2Config
from playmate_jax.motion.layout import AUDIO_HZ


def config_of(values: Mapping[str, Any]) -> Wav2Vec2Config:
    """Our configuration from transformers' `config.json`.

    Raises:
      UserError: another kind of network, or a branch that is not there.
    """
    kind = values.get("model_type")
    if kind not in ("wav2vec2", "hubert"):
        raise UserError(
            f"expected a config of model_type wav2vec2 or hubert, found {kind!r}: choose another"
        )
    wanted: dict[str, Any] = {
        "hidden_act": "gelu", "feat_extract_activation": "gelu", "conv_pos_batch_norm": False,
        "add_adapter": False, "adapter_attn_dim": None,
    }  # fmt: skip
    for name, value in wanted.items():
        if values.get(name, value) != value:
            raise UserError(
                f"expected {name} {value!r} in the config, found {values[name]!r}: "
                "this variant is not supported"
            )
    base = Wav2Vec2Config()
    get = values.get
    if (norm := get("feat_extract_norm", base.feature_norm)) not in ("group", "layer"):
        raise UserError(
            f"expected feat_extract_norm 'group' or 'layer' in the config, found {norm!r}: "
            "this variant is not supported"
        )
    return Wav2Vec2Config(
        channels=tuple(get("conv_dim", base.channels)),
        kernels=tuple(get("conv_kernel", base.kernels)),
        strides=tuple(get("conv_stride", base.strides)),
        conv_bias=get("conv_bias", base.conv_bias),
        feature_norm=norm,
        projection_norm=get("feat_proj_layer_norm", True),
        width=get("hidden_size", base.width),
        layers=get("num_hidden_layers", base.layers),
        heads=get("num_attention_heads", base.heads),
        feed_forward=get("intermediate_size", base.feed_forward),
        position_kernel=get("num_conv_pos_embeddings", base.position_kernel),
        position_groups=get("num_conv_pos_embedding_groups", base.position_groups),
        stable_layer_norm=get("do_stable_layer_norm", base.stable_layer_norm),
    )


def sizes(shapes: Shapes) -> Wav2Vec2Config:
    """Configuration from shapes; the numbers of heads and the strides do not follow from them."""
    n = count(shapes, r"feature_extractor\.conv_layers\.(\d+)")
    convs = [shapes[f"feature_extractor.conv_layers.{i}.conv.weight"] for i in range(n)]
    width, grouped, taps = shapes[DIRECTION]
    return Wav2Vec2Config(
        channels=tuple(conv[0] for conv in convs),
        kernels=tuple(conv[2] for conv in convs),
        strides=tuple(max(1, conv[2] // 2) for conv in convs),
        conv_bias="feature_extractor.conv_layers.0.conv.bias" in shapes,
        feature_norm="layer"
        if "feature_extractor.conv_layers.1.layer_norm.weight" in shapes
        else "group",
        projection_norm="feature_projection.layer_norm.weight" in shapes,
        width=width,
        layers=count(shapes, r"encoder\.layers\.(\d+)"),
        feed_forward=shapes["encoder.layers.0.feed_forward.intermediate_dense.weight"][0],
        position_kernel=taps,
        position_groups=width // grouped,
    )


def transformers_config(config: Wav2Vec2Config, kind: str) -> dict[str, Any]:
    """The inverse of `config_of`: what transformers' `config.json` must say."""
    return {
        "model_type": kind,
        "architectures": [{"wav2vec2": "Wav2Vec2Model", "hubert": "HubertModel"}[kind]],
        "conv_dim": list(config.channels),
        "conv_kernel": list(config.kernels),
        "conv_stride": list(config.strides),
        "num_feat_extract_layers": len(config.channels),
        "conv_bias": config.conv_bias,
        "feat_extract_norm": config.feature_norm,
        "feat_proj_layer_norm": config.projection_norm,
        "hidden_size": config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "intermediate_size": config.feed_forward,
        "num_conv_pos_embeddings": config.position_kernel,
        "num_conv_pos_embedding_groups": config.position_groups,
        "do_stable_layer_norm": config.stable_layer_norm,
    }


def preprocessor_config(normalize: bool) -> dict[str, Any]:
    """transformers' `preprocessor_config.json` of a network that takes audio at 16 kHz."""
    return {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "feature_size": 1,
        "sampling_rate": AUDIO_HZ,
        "padding_value": 0.0,
        "do_normalize": normalize,
        "return_attention_mask": False,
    }
