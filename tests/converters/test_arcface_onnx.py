"""IResNet's ONNX files, as PyTorch exports them, with norms folded into convolutions or not."""

import warnings
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from playmate_jax.converters import convert, onnx_files, torch_files, verify  # noqa: E402
from playmate_jax.converters.arcface import FAMILY, onnx_graph  # noqa: E402
from playmate_jax.converters.arcface.reference import IResNetReference  # noqa: E402
from playmate_jax.errors import UserError  # noqa: E402
from playmate_jax.hub.weights import load_weights  # noqa: E402
from playmate_jax.models.iresnet import IResNet  # noqa: E402

IMAGES = np.random.default_rng(0).uniform(-1, 1, (2, 3, 12, 12)).astype(np.float32)


class Published(torch.nn.Module):
    """The reference as the published network is fed: images in [-1, 1]."""

    def __init__(self, preprocess: bool = False):
        super().__init__()
        self.network = IResNetReference(FAMILY.tiny)
        state = verify.synthetic_state(FAMILY.table(FAMILY.tiny), FAMILY.shapes(FAMILY.tiny))
        self.network.load_state_dict(torch_files.to_tensors(state))
        self.preprocess = preprocess

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x) if self.preprocess else self.network.embed(x)


def export(file: Path, folded: bool, preprocess: bool = False) -> tuple[Path, np.ndarray]:
    """The file, and the network's embeddings of `IMAGES`."""
    module, images = Published(preprocess).eval(), torch.from_numpy(IMAGES)
    mode = torch.onnx.TrainingMode
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # this is the exporter that the published file is of
        torch.onnx.export(
            module, (images,), str(file), dynamo=False, do_constant_folding=folded,
            training=mode.EVAL if folded else mode.PRESERVE,
        )  # fmt: skip
    with torch.no_grad():
        return file, module(images).numpy()


@pytest.mark.parametrize("folded", [True, False], ids=["folded", "not folded"])
def test_an_export_is_the_network_that_was_exported(folded, tmp_path):
    file, wanted = export(tmp_path / "w600k.onnx", folded)
    kinds = [node.op for node in onnx_files.read(file)["onnx"].nodes]
    # 4 norms of IResNet stay (bn1 of three blocks, bn2, features), 1 + 2 x 3 + 2 are folded
    assert kinds.count("BatchNormalization") == (5 if folded else 14)
    done = convert.to_jax(file, tmp_path / "w")
    assert done.name == "arcface" and done.share == 1
    values, params, _ = load_weights(tmp_path / "w")
    config = FAMILY.config_from(values, "")
    assert config == FAMILY.tiny
    found = IResNet(config).apply(params, jnp.asarray((np.moveaxis(IMAGES, 1, -1) + 1) / 2))
    np.testing.assert_allclose(found, wanted, atol=2e-5 * np.abs(wanted).max())


def test_what_was_not_folded_crosses_to_the_bit(tmp_path):
    graph = onnx_files.read(export(tmp_path / "m.onnx", folded=False)[0])["onnx"]
    found = onnx_graph.state_of(graph)
    wanted = verify.synthetic_state(FAMILY.table(FAMILY.tiny), FAMILY.shapes(FAMILY.tiny))
    assert found.keys() == {name for name in wanted if not name.endswith("num_batches_tracked")}
    for name, value in found.items():
        np.testing.assert_array_equal(value, wanted[name], strict=True)


def changed(model, what):
    """One change of an export, and what is told of it."""
    nodes = {node.op_type: node for node in model.graph.node}
    if what == "epsilon":
        next(a for a in nodes["BatchNormalization"].attribute if a.name == "epsilon").f = 2e-5
        return "BatchNormalization with epsilon 2"
    if what == "stride":
        next(a for a in nodes["Conv"].attribute if a.name == "strides").ints[:] = [2, 2]
        return r"strides \[2, 2\] where \[1, 1\] should be"
    if what == "activation":
        nodes["PRelu"].op_type = "Relu"
        return "Relu where PRelu should read"
    if what == "more":
        end = model.graph.output[0].name
        model.graph.node.append(onnx.helper.make_node("Softmax", [end], ["p"]))
        return "1 more operations"
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    return "in another file: save the model as one file"


@pytest.mark.parametrize("what", ["epsilon", "stride", "activation", "more", "external"])
def test_what_is_not_iresnet_is_refused_in_one_sentence(what, tmp_path):
    file, _ = export(tmp_path / "m.onnx", folded=True)
    model = onnx.load(file)
    told = changed(model, what)
    file.write_bytes(model.SerializeToString())
    with pytest.raises(UserError, match=told) as refused:
        convert.to_jax(file, tmp_path / "out")
    assert "\n" not in str(refused.value)


def test_another_preprocessing_is_refused(tmp_path):
    file, _ = export(tmp_path / "m.onnx", folded=True, preprocess=True)
    with pytest.raises(UserError, match="found Mul where Conv should read"):
        convert.to_jax(file, tmp_path / "out")


def test_damage_and_a_missing_package_are_told(tmp_path, monkeypatch):
    file = tmp_path / "m.onnx"
    file.write_bytes(b"\xff" * 64)
    with pytest.raises(UserError, match="found damage; fetch it again"):
        onnx_files.read(file)
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(UserError, match=r"needs onnx: pip install 'playmate-jax\[onnx\]'"):
        onnx_files.read(file)
