"""The configuration of wav2vec 2.0 and HuBERT: from and to transformers' JSON, and from shapes.

A `config.json` is read by transformers' own classes, which know every default and old name of a
field; they are imported when one is read, and need no torch.
"""

from collections.abc import Mapping
from typing import Any

from playmate_jax.converters.sizes import Shapes, count
from playmate_jax.converters.wav2vec2.rules import DIRECTION
from playmate_jax.errors import UserError
from playmate_jax.models.wav2vec2 import Wav2Vec2Config
from playmate_jax.motion.layout import AUDIO_HZ

# The variants that the network implements.
SUPPORTED = {
    "hidden_act": ("gelu",),
    "feat_extract_activation": ("gelu",),
    "feat_extract_norm": ("group", "layer"),
    "conv_pos_batch_norm": (False,),
    "add_adapter": (False,),
    "adapter_attn_dim": (None,),
}


def config_of(values: Mapping[str, Any]) -> Wav2Vec2Config:
    """Our configuration from the content of a transformers `config.json`.

    Raises:
      UserError: another kind of network, a variant that is not supported, or values that
        transformers refuses.
    """
    theirs = _transformers_config(values)
    for name, supported in SUPPORTED.items():
        if (found := getattr(theirs, name, supported[0])) not in supported:
            raise UserError(
                f"expected {name} {' or '.join(map(repr, supported))} in the config, found "
                f"{found!r}: this variant is not supported"
            )
    return Wav2Vec2Config(
        channels=tuple(theirs.conv_dim),
        kernels=tuple(theirs.conv_kernel),
        strides=tuple(theirs.conv_stride),
        conv_bias=theirs.conv_bias,
        feature_norm=theirs.feat_extract_norm,
        projection_norm=getattr(theirs, "feat_proj_layer_norm", True),
        width=theirs.hidden_size,
        layers=theirs.num_hidden_layers,
        heads=theirs.num_attention_heads,
        feed_forward=theirs.intermediate_size,
        position_kernel=theirs.num_conv_pos_embeddings,
        position_groups=theirs.num_conv_pos_embedding_groups,
        stable_layer_norm=theirs.do_stable_layer_norm,
    )


def _transformers_config(values: Mapping[str, Any]) -> Any:
    """transformers' own configuration object, with all defaults filled in."""
    kind = values.get("model_type")
    if kind not in ("wav2vec2", "hubert"):
        raise UserError(
            f"expected a config of model_type wav2vec2 or hubert, found {kind!r}: choose another"
        )
    try:
        import transformers
    except ModuleNotFoundError:
        raise UserError(
            "expected the package transformers, which reads the configurations of speech encoders, "
            "found none: pip install 'playmate-jax[convert]'"
        ) from None
    try:
        kinds = {"wav2vec2": transformers.Wav2Vec2Config, "hubert": transformers.HubertConfig}
        return kinds[kind].from_dict(dict(values))
    except Exception as error:  # validation raises errors of several libraries
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"expected a config.json that transformers accepts, found one of {kind} that it "
            f"refuses ({reason}): fetch it again"
        ) from None


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
