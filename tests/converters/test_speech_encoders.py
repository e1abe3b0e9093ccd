"""Every branch of wav2vec 2.0 and HuBERT against transformers' own networks, at tiny sizes."""

import json

import jax
import numpy as np
import pytest
from flax.traverse_util import unflatten_dict

from playmate_jax.converters.convert import to_jax
from playmate_jax.converters.rules import renamed, to_flax, to_torch
from playmate_jax.converters.wav2vec2 import config as speech_config
from playmate_jax.converters.wav2vec2 import rules
from playmate_jax.errors import UserError
from playmate_jax.models.pretrained_speech import load_speech
from playmate_jax.models.speech import padded
from playmate_jax.models.wav2vec2 import Wav2Vec2, Wav2Vec2Config

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TINY = dict(
    conv_dim=(16, 16, 16), conv_kernel=(10, 3, 2), conv_stride=(5, 2, 2), hidden_size=32,
    num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
    num_conv_pos_embedding_groups=4,
)  # fmt: skip
LARGE = dict(feat_extract_norm="layer", conv_bias=True, do_stable_layer_norm=True)
BRANCHES = {
    "wav2vec2 base": ("Wav2Vec2", dict(num_conv_pos_embeddings=16)),
    "wav2vec2 large": ("Wav2Vec2", dict(num_conv_pos_embeddings=16, **LARGE)),
    "odd positions": ("Wav2Vec2", dict(num_conv_pos_embeddings=7)),
    "hubert base": ("Hubert", dict(num_conv_pos_embeddings=16)),
    "hubert without projection norm": (
        "Hubert",
        dict(num_conv_pos_embeddings=16, feat_proj_layer_norm=False, **LARGE),
    ),
}
TOLERANCE = 1e-4  # of the output's std


def original(name):
    """A network of transformers with random weights, norms and biases included."""
    kind, options = BRANCHES[name]
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**TINY, **options)
    network = getattr(transformers, f"{kind}Model")(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network


def arrays(state):
    return {name: value.numpy() for name, value in state.items()}


def converted(network):
    config = speech_config.config_of(network.config.to_dict())
    state = renamed(arrays(network.state_dict()), rules.present_name)
    shapes = rules.leaf_shapes(config)
    leaves, kept = to_flax(rules.table(config), state, shapes)
    return config, leaves, kept


@pytest.mark.parametrize("name", BRANCHES)
def test_every_layer_repeats_transformers(name):
    network = original(name)
    config, leaves, kept = converted(network)
    audio = 0.1 * np.random.default_rng(0).standard_normal((2, 3000)).astype(np.float32)
    with torch.no_grad():
        found = network(torch.from_numpy(audio), output_hidden_states=True)
    # transformers 5 lists the last layer before the final norm of the large variant
    theirs = (*found.hidden_states[:-1], found.last_hidden_state)
    with jax.default_matmul_precision("highest"):
        ours = jax.jit(Wav2Vec2(config).apply)(unflatten_dict(leaves, sep="/"), audio)
    assert len(ours) == len(theirs) == 3
    assert ours[0].shape[1] == config.n_features(3000)
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs(np.asarray(a) - b.numpy()).max() < TOLERANCE * b.std().item()
    back = to_torch(rules.table(config), leaves, kept)
    state = arrays(network.state_dict())
    assert list(back) == list(state)
    for key, value in state.items():
        np.testing.assert_array_equal(back[key], value, strict=True)


def test_prefixes_old_spellings_and_heads_are_understood():
    network = original("wav2vec2 base")
    plain = arrays(network.state_dict())
    old = {new: name for name, new in rules.SPELLINGS.items()}
    asr = {f"wav2vec2.{old.get(name, name)}": value for name, value in plain.items()}
    asr |= {"lm_head.weight": np.zeros((32, 32)), "lm_head.bias": np.zeros(32)}
    found = renamed(asr, rules.present_name)
    assert found.keys() == plain.keys()
    for name, value in plain.items():
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize(
    "values, told",
    [
        ({"model_type": "whisper"}, "wav2vec2 or hubert, found 'whisper'"),
        ({}, "found None"),
        ({"model_type": "hubert", "conv_pos_batch_norm": True}, "conv_pos_batch_norm False"),
        ({"model_type": "wav2vec2", "hidden_act": "relu"}, "hidden_act 'gelu'"),
        ({"model_type": "wav2vec2", "feat_extract_norm": "batch"}, "'group' or 'layer'"),
    ],
)
def test_what_is_not_supported_is_told(values, told):
    with pytest.raises(UserError, match=told):
        speech_config.config_of(values)


@pytest.mark.parametrize("samples, features", [(399, 0), (400, 1), (16_000, 49), (64_080, 200)])
def test_lengths_of_the_published_sizes(samples, features):
    config = speech_config.config_of({"model_type": "wav2vec2"})
    assert config.n_features(samples) == features


@pytest.mark.parametrize("kind", ["wav2vec2", "hubert"])
def test_a_folder_of_transformers_becomes_a_speech_encoder(kind, tmp_path):
    network = small_strides(kind)
    network.save_pretrained(tmp_path / "theirs")
    prepare = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
    prepare.save_pretrained(tmp_path / "theirs")
    to_jax(tmp_path / "theirs", tmp_path / "ours")
    encoder = load_speech(tmp_path / "ours")
    assert encoder.config.name == kind and encoder.config.normalize
    audio = 0.1 * np.random.default_rng(0).standard_normal(6400).astype(np.float32) + 0.05
    values = prepare(audio, sampling_rate=16_000, return_tensors="np").input_values
    with torch.no_grad():
        theirs = network(torch.from_numpy(padded(values))).last_hidden_state[0].numpy()
    ours = encoder(audio)
    assert ours.shape == (10, 32) and theirs.shape == (20, 32)
    pairs = theirs.reshape(10, 2, 32).mean(1)
    assert np.abs(ours - pairs).max() < TOLERANCE * pairs.std()


def test_audio_is_left_as_it_is_where_the_preprocessor_says_so(tmp_path):
    small_strides("hubert").save_pretrained(tmp_path / "theirs")
    (tmp_path / "theirs" / "preprocessor_config.json").write_text('{"do_normalize": false}')
    to_jax(tmp_path / "theirs", tmp_path / "ours")
    assert load_speech(tmp_path / "ours").config.normalize is False


def small_strides(kind):
    """A tiny network with the published kernels and strides: 50 rows a second."""
    name = {"wav2vec2": "Wav2Vec2", "hubert": "Hubert"}[kind]
    tiny = {k: v for k, v in TINY.items() if k not in ("conv_kernel", "conv_stride")}
    tiny |= {"conv_dim": (16,) * 7, "num_conv_pos_embeddings": 16, "num_hidden_layers": 1}
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**tiny)
    return getattr(transformers, f"{name}Model")(config).eval()


# ---- transformers' own configuration and feature extractor --------------------------------------

KINDS = {"wav2vec2": transformers.Wav2Vec2Config, "hubert": transformers.HubertConfig}


@pytest.mark.parametrize("kind", KINDS)
def test_our_default_sizes_are_those_of_transformers(kind):
    theirs = speech_config.config_of(KINDS[kind]().to_dict())
    assert theirs == speech_config.config_of({"model_type": kind}) == Wav2Vec2Config()


@pytest.mark.parametrize("kind", KINDS)
def test_a_config_that_we_write_is_transformers_own(kind):
    large = Wav2Vec2Config(
        (64,) * 3, (10, 3, 2), (5, 2, 2), conv_bias=True, feature_norm="layer", width=96, layers=5,
        heads=6, feed_forward=200, position_kernel=32, position_groups=8, stable_layer_norm=True,
    )  # fmt: skip
    values = speech_config.transformers_config(large, kind)
    known = KINDS[kind]()
    # a field of HuBERT's alone; wav2vec 2.0 always has that norm, and ignores it
    own = values.keys() - ({"feat_proj_layer_norm"} if kind == "wav2vec2" else set())
    assert [name for name in own if not hasattr(known, name)] == []
    assert speech_config.config_of(KINDS[kind](**values).to_dict()) == large


@pytest.mark.parametrize(
    ("change", "found"),
    [({"feat_extract_norm": "batch"}, "'batch'"), ({"hidden_act": "relu"}, "'relu'")],
)
def test_a_config_of_another_network_is_refused(change, found):
    with pytest.raises(UserError, match=found):
        speech_config.config_of({"model_type": "hubert", **change})


@pytest.mark.parametrize("normalize", [True, False])
def test_a_preprocessor_that_we_write_is_transformers_own(normalize, tmp_path):
    ours = speech_config.preprocessor_config(normalize)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=normalize).save_pretrained(tmp_path)
    theirs = json.loads((tmp_path / "preprocessor_config.json").read_text("utf-8"))
    assert {name: theirs.get(name) for name in ours} == ours
