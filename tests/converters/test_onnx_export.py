"""`playmate export onnx`: tiny networks of both kinds, by onnxruntime against JAX; bad input."""

import dataclasses
import sys

import jax
import numpy as np
import pytest

from playmate_jax.cli import run
from playmate_jax.cli.export_arguments import NETWORKS
from playmate_jax.configuration import to_values
from playmate_jax.converters.to_onnx import check, export, networks
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import save_weights
from playmate_jax.models import renderer
from playmate_jax.models.appearance import AppearanceConfig
from playmate_jax.models.motion_extractor import MotionConfig
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.spade import SpadeConfig
from playmate_jax.models.warping import WarpingConfig
from tests.random_weights import TINY_RENDERER, random_params, write_random_weights

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

SMALL = RendererConfig(
    appearance=AppearanceConfig(
        channels=8, halvings=0, volume_channels=2, volume_depth=2, resblocks=0, norm="group",
        patch=4,
    ),
    motion=MotionConfig(
        depths=(1, 1, 1, 1), dims=(4, 4, 8, 8), patch=2, pool="flatten", flat_channels=4,
        trunk="plain",
    ),
    warping=WarpingConfig(
        compressed_channels=2, hourglass_channels=8, hourglass_blocks=1, hourglass_max_channels=8,
        mask_kernel=3, out_channels=8, norm="group", keypoint_code=4, rigid_keypoints=(0, 4, 5, 7),
    ),
    spade=SpadeConfig(
        middle_channels=8, middle_blocks=1, up_channels=(8,), hidden_channels=8,
        modulation_kernel=1, spectral_norm=False, picture_skip=True, shared_modulation=True,
        drawn_keypoints=(6, 12),
    ),
    image_size=64,
)  # fmt: skip


def write_renderer(folder, config, stitching=False):
    shapes = jax.eval_shape(lambda: renderer.init(config, jax.random.key(0)))
    if stitching:
        shapes |= {"stitching": renderer.retargeting_shapes(config)["stitching"]}
    params = random_params(shapes, np.random.default_rng(0))
    values = {"kind": "renderer", **to_values(config)}
    return save_weights(folder, values, params, {"name": "random"})


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A folder with LivePortrait's kind of renderer, S among its networks, and a generator."""
    folder = write_random_weights(tmp_path_factory.mktemp("weights"))
    write_renderer(folder / "renderer", TINY_RENDERER, stitching=True)
    return folder


def test_liveportraits_networks_and_the_denoiser_agree(weights, tmp_path, capsys):
    out = tmp_path / "größe 1"
    assert run(["export", "onnx", str(weights), "--out", str(out)]) == 0
    assert {path.stem for path in out.iterdir()} == set(NETWORKS)
    for path in out.iterdir():
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        assert "GridSample" not in {node.op_type for node in model.graph.node}
        assert model.opset_import[0].version == 18
    said = capsys.readouterr().out
    assert "warping_spade drawn" in said and "all below 1e-04" in said


def test_small_networks_agree_at_another_batch(tmp_path):
    folder = write_renderer(tmp_path / "renderer", SMALL)
    done = export.export(str(folder), tmp_path / "out", batch=2)
    assert [row.network for row in done.agreements if row.passed].count("warping_spade") == 1
    graph = onnx.load(tmp_path / "out/warping_spade.onnx").graph
    assert "GridSample" not in {node.op_type for node in graph.node}
    names = {x.name: [d.dim_value for d in x.type.tensor_type.shape.dim] for x in graph.input}
    assert names["x_s"] == [2, 21, 3] and names["image"] == [2, 64, 64, 3]
    assert names.keys() == {"volume", "image", "x_s", "x_d"}


def test_random_inputs_move_keypoints_a_little(weights):
    (network,) = networks.of_weights(str(weights), 1, ("stitching",))
    given = network.random_inputs(3)
    assert 0 < np.abs(given["x_d"] - given["x_s"]).std() < given["x_s"].std()
    np.testing.assert_array_equal(given["x_s"], network.random_inputs(3)["x_s"])


def test_names_of_networks_are_the_options():
    assert networks.NAMES == NETWORKS


def test_a_difference_is_measured_in_deviations():
    expected = np.array([0, 2], np.float32)
    assert check.error(expected + np.float32(0.5), expected) == pytest.approx(0.5)
    assert not check.Agreement("n", "y", check.error(expected * np.nan, expected)).passed


def test_networks_that_do_not_agree_are_not_written(weights, tmp_path, monkeypatch):
    made = networks.of_weights

    def other(*arguments):
        (network,) = made(*arguments)
        traced = iter([network.function])  # the first call is the translation

        def function(params, **given):
            exact = network.function(params, **given)
            return exact if next(traced, None) else {k: 2 * v for k, v in exact.items()}

        return [dataclasses.replace(network, function=function)]

    monkeypatch.setattr(networks, "of_weights", other)
    with pytest.raises(UserError, match="expected onnxruntime to agree with JAX to 1e-04"):
        export.export(str(weights), tmp_path / "out", ("stitching",))
    assert not list((tmp_path / "out").iterdir())


def refusal(capsys, *words: str) -> str:
    assert run(["export", "onnx", *words]) == 2
    return capsys.readouterr().err


def test_bad_input_is_refused_in_one_sentence(weights, tmp_path, capsys, monkeypatch):
    out = ("--out", str(tmp_path / "out"))
    assert "found no 'nothing'" in refusal(capsys, "nothing", *out)
    assert "invalid choice: 'spade'" in refusal(capsys, "demo", *out, "--networks", "spade")
    renderer_alone = write_renderer(tmp_path / "renderer", TINY_RENDERER)
    said = refusal(capsys, str(renderer_alone), *out, "--networks", "stitching", "denoiser")
    assert "expected stitching and denoiser in the weights" in said
    (tmp_path / "file").touch()
    said = refusal(capsys, str(weights), "--out", str(tmp_path / "file"))
    assert "expected a folder" in said and "found a file" in said
    said = refusal(capsys, str(weights), "--out", str(tmp_path / "file/below"))
    assert "expected a folder that can be written" in said
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "out/stitching.onnx").write_text("mine")
    said = refusal(capsys, str(weights), *out, "--networks", "stitching")
    assert "expected no file at" in said
    assert (tmp_path / "out/stitching.onnx").read_text() == "mine"
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert "pip install 'playmate-jax[onnx]'" in refusal(capsys, str(weights), *out)


def test_an_export_may_be_repeated(weights, tmp_path, monkeypatch, capsys):
    """Unchecked where onnxruntime is missing."""
    monkeypatch.setattr(check, "runtime", lambda: None)
    line = ["export", "onnx", str(weights), "--out", str(tmp_path), "--networks", "stitching"]
    assert run(line) == 0 and "not checked" in capsys.readouterr().out
    assert run([*line, "--overwrite"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["stitching.onnx"]
