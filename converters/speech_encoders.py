"""wav2vec 2.0 and HuBERT: transformers' checkpoints, into `models/wav2vec2.py` and back.

    python -m playmate_jax.converters.speech_encoders FOLDER OUT

A checkpoint is a folder with `config.json` and `model.safetensors` or `pytorch_model.bin`. Names
may begin with `wav2vec2.` or `hubert.`; the weight norm of the positional convolution has an old
and a new spelling; heads for recognition and pretraining are left out by name.
"""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from playmate_jax.converters import torch_files
from playmate_jax.converters.rules import (
    CONV,
    IDENTITY,
    Ignored,
    Op,
    Rule,
    Table,
    conv,
    dense,
    layer_norm,
    to_flax,
)
from playmate_jax.errors import UserError
from playmate_jax.models.configuration import to_values
from playmate_jax.models.pretrained_speech import SpeechConfig
from playmate_jax.models.wav2vec2 import Wav2Vec2Config, shapes
from playmate_jax.models.weights import save_weights

FILES = ("model.safetensors", "pytorch_model.bin")
PREFIX = re.compile(r"^(wav2vec2|hubert)\.")
HEADS = re.compile(r"^(lm_head|quantizer|project_q|project_hid|dropout_features)\b")
_CONV = "encoder.pos_conv_embed.conv"
_LENGTH, _DIRECTION = (f"{_CONV}.parametrizations.weight.original{i}" for i in (0, 1))
SPELLINGS = {f"{_CONV}.weight_g": _LENGTH, f"{_CONV}.weight_v": _DIRECTION}
TAPS = Op("taps", lambda x: x.reshape(-1), lambda x: x.reshape(1, 1, -1))


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


def encoder_only(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The encoder's tensors under transformers' present names: prefix, heads and old spellings
    gone."""
    bare = {PREFIX.sub("", name): value for name, value in state.items()}
    return {SPELLINGS.get(k, k): value for k, value in bare.items() if not HEADS.match(k)}


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
        Rule(f"{_CONV}.bias", "params/positions/bias", IDENTITY),
        Rule(_LENGTH, "params/positions/length", TAPS),
        Rule(_DIRECTION, "params/positions/direction", CONV[1]),
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


def leaf_shapes(config: Wav2Vec2Config) -> dict[str, tuple[int, ...]]:
    """Every leaf of the encoder's variables and its shape."""
    return {name: leaf.shape for name, leaf in flatten_dict(shapes(config), sep="/").items()}


def convert(folder: str | Path, directory: str | Path) -> Path:
    """Writes the weights directory of a folder as transformers saves it.

    Raises:
      UserError: a file is missing, damaged, or of another network.
    """
    folder = Path(folder)
    config_file = folder / "config.json"
    values, preprocessor = _json(config_file), folder / "preprocessor_config.json"
    config = SpeechConfig(
        network=config_of(values),
        name=values["model_type"],
        # transformers' own default where nothing is said
        normalize=not preprocessor.is_file() or _json(preprocessor).get("do_normalize", True),
    )
    files = [folder / name for name in FILES if (folder / name).is_file()]
    if not files:
        raise UserError(f"expected {' or '.join(FILES)} in {folder}, found none: check the folder")
    state = encoder_only(torch_files.read(files[0]))
    leaves, kept = to_flax(table(config.network), state, leaf_shapes(config.network))
    card = {
        "name": config.name,
        "title": f"speech encoder of {values.get('_name_or_path') or folder.name}",
        "domain": "speech",
        "licence": "that of the checkpoint's model card",
        "source_sha256": {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (config_file, files[0])
        },
        "versions": {"playmate-jax": version("playmate-jax")},
    }
    params = unflatten_dict(leaves, sep="/") | ({"kept": kept} if kept else {})
    return save_weights(directory, {"kind": "speech", **to_values(config)}, params, card)


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        raise UserError(
            f"expected a readable {path.name} in {path.parent}, found none: give a folder as "
            "transformers saves it"
        ) from None


def main(arguments: list[str] | None = None) -> int:
    """Command line; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", help="config.json and the weights")
    parser.add_argument("target", help="the folder to write")
    options = parser.parse_args(arguments)
    try:
        convert(options.folder, options.target)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"written: {options.target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
