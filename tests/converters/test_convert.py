"""Files become weights directories and files again: exact, whole or not at all, and proven."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from safetensors.numpy import load_file

torch = pytest.importorskip("torch")

from playmate_jax.converters import (  # noqa: E402
    checkpoints,
    convert,
    state_files,
    torch_files,
    verify,
)
from playmate_jax.converters.liveportrait import files as liveportrait_files  # noqa: E402
from playmate_jax.converters.registry import FAMILIES, by_name  # noqa: E402
from playmate_jax.errors import UserError  # noqa: E402
from playmate_jax.hub.bundles import SHIPPED  # noqa: E402
from playmate_jax.hub.weights import load_unused, load_weights  # noqa: E402
from playmate_jax.inference.face_renderer import FaceRenderer  # noqa: E402

GENERATOR = SHIPPED / "demo" / "generator"


def tiny_state(family):
    return verify.synthetic_state(family.table(family.tiny), family.shapes(family.tiny))


def own_config(family):
    from playmate_jax.configuration import to_values

    return {"config": {"kind": family.kind, **to_values(family.tiny)}, "card": {"licence": "mine"}}


def assert_same(found, wanted):
    found, wanted = flatten_dict(found, sep="|"), flatten_dict(wanted, sep="|")
    assert list(found) == list(wanted)
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value, strict=True)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_of_every_family_comes_back_to_the_bit(family, suffix, tmp_path):
    state = tiny_state(family)
    state_files.write_file(tmp_path / f"a{suffix}", state, own_config(family))
    done = convert.to_jax(tmp_path / f"a{suffix}", tmp_path / "w")
    assert done.passed and done.name == family.name
    convert.to_pytorch(tmp_path / "w", tmp_path / f"b{suffix}")
    back = checkpoints.read(tmp_path / f"b{suffix}")
    for name, value in state.items():
        np.testing.assert_array_equal(back.state[name], value, strict=True)
    card = json.loads((tmp_path / "w" / "card.json").read_text())
    whole = (tmp_path / f"a{suffix}").read_bytes()
    assert card["source_sha256"] == {f"a{suffix}": sha256(whole).hexdigest()}
    assert card["licence"] == "mine" and card["source"] == f"a{suffix}"
    assert card["date"].count("-") == 2 and card["versions"]["playmate-jax"]


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_the_shipped_generator_crosses_and_returns_identical(suffix, tmp_path):
    convert.to_pytorch(GENERATOR, tmp_path / f"g{suffix}")
    convert.to_jax(tmp_path / f"g{suffix}", tmp_path / "back", dtype="float16")
    names = ("config.json", "params.safetensors")
    for name in names:  # statistics are among the parameters
        assert (tmp_path / "back" / name).read_bytes() == (GENERATOR / name).read_bytes()
    card = load_weights(tmp_path / "back")[2]
    assert card["training"] == json.loads((GENERATOR / "card.json").read_text())["training"]


def test_the_shipped_renderer_crosses_and_returns_identical(tmp_path):
    renderer = SHIPPED / "demo" / "renderer"
    convert.to_pytorch(renderer, tmp_path / "r.safetensors")
    convert.to_jax(tmp_path / "r.safetensors", tmp_path / "back", dtype="float16")
    ours, back = load_weights(renderer), load_weights(tmp_path / "back")
    assert_same(back[1], ours[1])
    assert back[0] == ours[0]  # with the crop


# ---- LivePortrait's folder ----------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """The official layout with trained counters, `module.` in front of the retargeters."""
    family = by_name("liveportrait")
    state = {
        name: np.asarray(value + 7) if name.endswith("num_batches_tracked") else value
        for name, value in tiny_state(family).items()
    }
    liveportrait_files.write(tmp_path / "pretrained" / "liveportrait", state)
    return tmp_path / "pretrained" / "liveportrait"


def test_five_files_and_back_are_exact(folder, tmp_path):
    done = convert.to_jax(folder, tmp_path / "w")
    config, params, card = load_weights(tmp_path / "w")
    assert FaceRenderer.from_weights(config, params, "here")
    assert "MIT" in card["licence"] and card["domain"] == "photographs"
    assert set(card["source_sha256"]) == {path.name for path in folder.rglob("*.pth")}
    assert done.parameters == sum(x.size for x in flatten_dict(params).values())
    assert load_unused(tmp_path / "w")  # the counters
    written = convert.to_pytorch(tmp_path / "w", tmp_path / "back").written
    assert len(written) == 5
    for path in written:
        original = folder / path.relative_to(tmp_path / "back")
        assert_same(torch_files.read(path), torch_files.read(original))


def test_animals_have_four_files_and_take_the_stitching_of_people_or_none(folder, tmp_path):
    animals = folder.parent / "liveportrait_animals"
    (animals / "base_models").parent.mkdir()
    (folder / "base_models").rename(animals / "base_models")
    convert.to_jax(animals, tmp_path / "w")
    config, params, card = load_weights(tmp_path / "w")
    assert set(params) == {"appearance", "motion", "warping", "spade"}
    assert card["domain"] == "animals"
    assert FaceRenderer.from_weights(config, params, "here")
    written = convert.to_pytorch(tmp_path / "w", tmp_path / "back").written
    assert {path.parent.name for path in written} == {"base_models"} and len(written) == 4


def test_two_sets_in_one_folder_are_told(folder):
    other = folder.parent / "liveportrait_animals" / "base_models"
    other.mkdir(parents=True)
    for path in (folder / "base_models").iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    with pytest.raises(UserError, match=r"found it in .*liveportrait/base_models, .*give one set"):
        checkpoints.read(folder.parent)


def test_one_of_the_five_files_converts_alone(folder, tmp_path):
    done = convert.to_jax(folder / "base_models" / "warping_module.pth", tmp_path / "w")
    assert done.name == "liveportrait (warping)"
    assert set(load_weights(tmp_path / "w")[1]) == {"warping"}


# ---- speech encoders ----------------------------------------------------------------------------


def test_a_speech_encoder_goes_into_transformers_and_comes_from_there(tmp_path):
    transformers = pytest.importorskip("transformers")
    family = by_name("hubert")
    state_files.write_file(tmp_path / "h.safetensors", tiny_state(family), own_config(family))
    convert.to_jax(tmp_path / "h.safetensors", tmp_path / "w")
    convert.to_pytorch(tmp_path / "w", tmp_path / "hub")
    original = transformers.HubertModel.from_pretrained(tmp_path / "hub").eval()
    reference = family.runs(family.tiny)[0].reference().eval()
    reference.load_state_dict(original.state_dict(), strict=True)
    audio = torch.from_numpy(family.runs(family.tiny)[0].inputs()[0])
    with torch.no_grad():
        theirs = original(audio).last_hidden_state
        torch.testing.assert_close(reference(audio)[-1], theirs, rtol=1e-5, atol=1e-5)
    convert.to_jax(tmp_path / "hub", tmp_path / "w2")
    ours, back = load_weights(tmp_path / "w"), load_weights(tmp_path / "w2")
    assert_same(back[1], ours[1])
    assert back[0] == ours[0] | {"normalize": True}


def test_a_speech_encoder_without_its_config_is_told(tmp_path):
    torch_files.write(tmp_path / "w.safetensors", tiny_state(by_name("wav2vec2")))
    with pytest.raises(UserError, match=r"config\.json beside the weights of wav2vec2"):
        convert.to_jax(tmp_path / "w.safetensors", tmp_path / "out")


# ---- types, verification, what is left behind ---------------------------------------------------


@pytest.fixture
def hopenet(tmp_path):
    torch_files.write(tmp_path / "hopenet.pkl", tiny_state(by_name("hopenet")))
    return tmp_path / "hopenet.pkl"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_pytorchs_rounding(hopenet, dtype, tmp_path):
    convert.to_jax(hopenet, tmp_path / "w", dtype=dtype)
    convert.to_pytorch(tmp_path / "w", tmp_path / "b.pth", dtype=dtype)
    found = torch.load(tmp_path / "b.pth", weights_only=True)["state_dict"]
    original = torch.load(hopenet, weights_only=True)
    assert found["conv1.weight"].dtype == getattr(torch, dtype)
    for name in ("conv1.weight", "fc_yaw.bias"):
        assert torch.equal(found[name], original[name].to(getattr(torch, dtype)))


def test_verification_compares_every_layer_with_the_reference(hopenet, tmp_path):
    done = convert.to_jax(hopenet, tmp_path / "w", verification=True, dtype="float16")
    assert done.passed and done.compared == "its PyTorch reference"
    assert {"conv1", "layer1.0.conv2", "fc_roll", "output"} <= {x.name for x in done.layers}
    done = convert.to_pytorch(tmp_path / "w", tmp_path / "b.safetensors", verification=True)
    assert done.passed and done.layers


def test_where_a_layer_diverges_it_is_the_first_named_and_nothing_is_written(
    hopenet, tmp_path, monkeypatch
):
    from playmate_jax.converters.layers import CONV, conv
    from playmate_jax.converters.rules import Op

    # a converter that would turn kernels over
    right = CONV[2]
    wrong = Op("flipped", lambda x: right.forward(x)[::-1], lambda x: right.inverse(x[::-1]))
    monkeypatch.setitem(CONV, 2, wrong)
    assert conv("a", "b")[0].op is wrong
    done = convert.to_jax(hopenet, tmp_path / "w", verification=True)
    assert not done.passed and done.written == []
    assert next(x for x in done.layers if not x.passed).name == "conv1"
    assert not (tmp_path / "w").exists()


def test_without_torch_recorded_values_verify_the_networks(tmp_path, monkeypatch):
    family = by_name("discriminator")
    torch_files.write(tmp_path / "d.safetensors", tiny_state(family))
    monkeypatch.setattr(torch_files, "available", lambda: False)
    done = convert.to_jax(tmp_path / "d.safetensors", tmp_path / "w", verification=True)
    assert done.passed and "recorded" in done.compared and len(done.layers) > 10


@pytest.mark.parametrize("direction", ["to jax", "to torch"])
def test_an_interrupted_conversion_leaves_nothing(hopenet, direction, tmp_path, monkeypatch):
    convert.to_jax(hopenet, tmp_path / "w")
    before = sorted(tmp_path.rglob("*"))

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        if direction == "to jax":
            monkeypatch.setattr("playmate_jax.hub.weights.os.rename", interrupted)
            convert.to_jax(hopenet, tmp_path / "out")
        else:
            monkeypatch.setattr("playmate_jax.converters.torch_files.os.replace", interrupted)
            convert.to_pytorch(tmp_path / "w", tmp_path / "out.pth")
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_there_is_not_replaced_unasked_and_strangers_never(hopenet, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "precious.jpg").write_bytes(b"x")
    for overwrite in (False, True):
        with pytest.raises(UserError, match="choose another"):
            convert.to_jax(hopenet, tmp_path / "photos", overwrite=overwrite)
    convert.to_jax(hopenet, tmp_path / "w")
    with pytest.raises(UserError, match="--overwrite"):
        convert.to_jax(hopenet, tmp_path / "w")
    assert convert.to_jax(hopenet, tmp_path / "w", overwrite=True).passed
    assert (tmp_path / "photos" / "precious.jpg").read_bytes() == b"x"


def test_an_export_needs_a_name_that_says_what_it_is(hopenet, tmp_path):
    convert.to_jax(hopenet, tmp_path / "w")
    with pytest.raises(UserError, match=r"ending in \.safetensors or \.pth for hopenet"):
        convert.to_pytorch(tmp_path / "w", tmp_path / "out")
    with pytest.raises(UserError, match="expected the weights of vgg19 .* found those of hopenet"):
        convert.to_pytorch(tmp_path / "w", tmp_path / "o.pth", by_name("vgg19"))
    with pytest.raises(UserError, match="--to torch"):
        convert.to_jax(tmp_path / "w", tmp_path / "again")
    assert load_file(tmp_path / "w" / "params.safetensors")


def test_a_folder_of_several_checkpoints_is_told(hopenet, tmp_path):
    Path(tmp_path / "b.pth").write_bytes(hopenet.read_bytes())
    with pytest.raises(UserError, match="found 2 checkpoints: give a file"):
        checkpoints.read(tmp_path)
