"""LPIPS, FID's InceptionV3 and EmotiEffLib's EfficientNet: files as published, and what is known of
their originals. Layers and full-size outputs are compared by `test_verify.py` and `make parity`."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from playmate_jax.converters import convert, lpips, verify  # noqa: E402
from playmate_jax.converters.emotion_efficientnet import rules as efficientnet_rules  # noqa: E402
from playmate_jax.converters.emotion_efficientnet.reference import (  # noqa: E402
    EfficientNetReference,
)
from playmate_jax.converters.golden import Reference  # noqa: E402
from playmate_jax.converters.registry import by_name  # noqa: E402
from playmate_jax.converters.rules import to_flax  # noqa: E402
from playmate_jax.converters.torch_files import to_tensors  # noqa: E402
from playmate_jax.errors import UserError  # noqa: E402
from playmate_jax.hub.weights import load_weights  # noqa: E402
from playmate_jax.models.efficientnet import B2, LABELS  # noqa: E402
from playmate_jax.models.inception import pool, resized  # noqa: E402
from playmate_jax.models.lpips import LPIPS, LPIPSConfig  # noqa: E402

EMOTION = "emotion-efficientnet"
SMALL_VGG = LPIPSConfig("vgg", (2, 3, 4, 3, 2))


def synthetic(name, config=None):
    family = by_name(name)
    config = family.tiny if config is None else config
    return verify.synthetic_state(family.table(config), family.shapes(config))


def saved(state, path):
    torch.save(to_tensors(state), path)


def published(folder, state, trunk, heads):
    """A trunk in torchvision's file with its classifier, and the package's file of heads."""
    convolutions = {
        f"features.{name.split('.', 2)[2]}": value
        for name, value in state.items()
        if name.startswith("net.")
    }
    saved(convolutions | {"classifier.6.bias": np.zeros(5, np.float32)}, folder / trunk)
    saved({name: x for name, x in state.items() if name.startswith("lin")}, folder / heads)


def test_lpips_is_read_from_torchvisions_file_and_the_packages(tmp_path):
    state = synthetic("lpips", SMALL_VGG)
    (tmp_path / "in").mkdir()
    published(tmp_path / "in", state, "vgg16-397923af.pth", "vgg.pth")
    assert convert.to_jax(tmp_path / "in", tmp_path / "out", verification=True).passed
    values, params, card = load_weights(tmp_path / "out")
    assert values == {"kind": "lpips", "trunk": "vgg", "widths": list(SMALL_VGG.widths)}
    kernel = state["net.slice3.14.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(params["params"]["conv_2_2"]["kernel"], kernel)
    assert {"vgg16-397923af.pth", "vgg.pth"} <= set(json.dumps(card).split('"'))


def test_files_of_both_trunks_in_one_folder_are_refused(tmp_path):
    published(tmp_path, synthetic("lpips", SMALL_VGG), "vgg16-397923af.pth", "vgg.pth")
    published(tmp_path, synthetic("lpips"), "alexnet-owt-7be5be79.pth", "alex.pth")
    with pytest.raises(UserError, match="expected one trunk of LPIPS"):
        convert.to_jax(tmp_path, tmp_path / "out")


def test_a_saved_lpips_module_holds_constants_and_its_heads_twice(tmp_path):
    state = synthetic("lpips")
    again = {f"lins.{k[3:]}": x for k, x in state.items() if k.startswith("lin")}
    constants = {
        f"scaling_layer.{x}": np.ones((1, 3, 1, 1), np.float32) for x in ("shift", "scale")
    }
    saved(constants | state | again, tmp_path / "lpips.pth")
    done = convert.to_jax(tmp_path / "lpips.pth", tmp_path / "out")
    assert done.name == "lpips" and done.share == 1


def test_an_image_is_at_no_distance_from_itself_and_the_order_does_not_count():
    config = by_name("lpips").tiny
    table, shapes = lpips.rules.table(config), lpips.rules.leaf_shapes(config)
    leaves, _ = to_flax(table, synthetic("lpips"), shapes)
    params = {}
    for path, leaf in leaves.items():
        _, layer, name = path.split("/")
        params.setdefault(layer, {})[name] = lpips.parity.allowed(layer, leaf)
    x, y = np.random.default_rng(0).random((2, 64, 64, 3)).astype(np.float32)
    run = jax.jit(LPIPS(config).apply)
    same, forth, back = run({"params": params}, np.stack([x, x, y]), np.stack([x, y, x]))
    assert same < 1e-12 and forth > 1e-3  # roundings of float32, squared
    np.testing.assert_allclose(forth, back, rtol=1e-6)  # float32


def test_both_sides_agree_in_float64_and_a_changed_network_does_not(tmp_path, monkeypatch):
    table, shapes = lpips.rules.table(SMALL_VGG), lpips.rules.leaf_shapes(SMALL_VGG)
    for folder in ("golden", "manifests"):
        (tmp_path / folder).mkdir()
    manifest = json.dumps(verify.manifest(table, shapes))
    (tmp_path / "manifests" / "lpips_vgg.json").write_text(manifest)
    reference = Reference(tmp_path, 0)
    found = list(lpips.precision.against_float64(SMALL_VGG, reference))
    assert [x.name for x in found] == ["lpips_vgg.layer2", "lpips_vgg.layer4"]
    assert all(x.passed and x.in_float64 and 1e-8 < x.pytorchs < 1e-2 for x in found)
    # a ten-millionth more on one side, which float32 would not show
    right = lpips.parity.outputs
    monkeypatch.setattr(
        lpips.parity, "outputs", lambda *x: {k: v * (1 + 1e-7) for k, v in right(*x).items()}
    )
    assert not any(x.passed for x in lpips.precision.against_float64(SMALL_VGG, reference))


def test_inceptions_means_leave_out_the_padding():
    cells = jnp.arange(9.0).reshape(1, 3, 3, 1)
    np.testing.assert_allclose(pool(cells, "mean")[0, 0, 0], (0 + 1 + 3 + 4) / 4)
    np.testing.assert_allclose(pool(-1 - cells, "max")[0, 2, 2], -5)  # padding is no 0
    assert pool(cells, "halve").shape == (1, 1, 1, 1)


def test_images_are_resized_as_pytorch_does():
    row = jnp.broadcast_to(jnp.arange(4.0)[:, None], (1, 4, 4, 3))  # recorded: torch, 4 -> 6
    wanted = [0, 0.5, 1.1667, 1.8333, 2.5, 3]
    np.testing.assert_allclose(resized(row, 6)[0, 0, :, 0], wanted, atol=1e-4)


def test_torchvisions_inception_is_refused(tmp_path):
    state = synthetic("fid-inception")
    state["AuxLogits.conv0.conv.weight"] = np.zeros((8, 48, 1, 1), np.float32)
    file = tmp_path / "inception_v3_google-0cc3c7bd.pth"
    saved(state, file)
    with pytest.raises(UserError, match=r"\+ AuxLogits\.conv0\.conv\.weight"):
        convert.to_jax(file, tmp_path / "out", by_name("fid-inception"))


def test_a_pickled_efficientnet_is_refused(tmp_path):
    torch.save(EfficientNetReference(by_name(EMOTION).tiny), tmp_path / "enet.pt")
    with pytest.raises(UserError, match="tensors only"):
        convert.to_jax(tmp_path / "enet.pt", tmp_path / "out")


def test_a_classifier_may_be_a_bare_linear(tmp_path):
    state = {k.replace("classifier.0", "classifier"): v for k, v in synthetic(EMOTION).items()}
    saved(state, tmp_path / "enet.pt")
    done = convert.to_jax(tmp_path / "enet.pt", tmp_path / "out")
    assert done.name == EMOTION and done.share == 1


def test_b2_has_as_many_tensors_and_numbers_as_its_original():
    # of the original's state dict with eight classes, and of its parameters
    assert len(efficientnet_rules.table(B2)) == 508
    shapes = efficientnet_rules.leaf_shapes(B2)
    numbers = (math.prod(x) for path, x in shapes.items() if path.startswith("params/"))
    assert sum(numbers) == 7_712_266 and len(LABELS) == B2.classes
