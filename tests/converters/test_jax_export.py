"""`playmate export jax`: programs that a process without this project runs, at any batch."""

import dataclasses
import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from playmate_jax.cli import run
from playmate_jax.cli.export_arguments import FOLDED, NETWORKS, PLATFORMS
from playmate_jax.converters.to_jax import export, programs
from playmate_jax.converters.to_onnx import networks
from playmate_jax.errors import UserError
from playmate_jax.models import renderer
from playmate_jax.models.folded import convolution
from playmate_jax.models.folded.convolution import Convolution
from tests.converters.test_onnx_export import SMALL, write_renderer
from tests.random_weights import TINY_RENDERER, random_params, write_random_weights

# What docs/convert.md says to write, and nothing else but reading inputs and writing outputs.
SCRIPT = """
import sys
import jax
import numpy as np
from jax import export

folder, name = sys.argv[1:]
program = export.deserialize(bytearray(open(f"{folder}/{name}.jax", "rb").read()))
params = dict(np.load(f"{folder}/{name}.npz"))
for batch in (1, 4):
    inputs = dict(np.load(f"{folder}/inputs{batch}.npz"))
    found = jax.jit(program.call)(params, inputs)
    np.savez(f"{folder}/found{batch}.npz", **found)
assert not {"playmate_jax", "flax"} & {module.split(".")[0] for module in sys.modules}
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A folder with LivePortrait's kind of renderer, S among its networks, and a generator."""
    folder = write_random_weights(tmp_path_factory.mktemp("weights"))
    write_renderer(folder / "renderer", TINY_RENDERER, stitching=True)
    return folder


def inputs_of(network, batch):
    rows = [network.random_inputs(seed) for seed in range(batch)]
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize("name", ["stitching", "denoiser"])
def test_a_process_without_this_project_runs_the_files(
    weights, name, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(export, "BATCHES", (3,))  # each is a program to be compiled twice
    out = tmp_path / "größe 1"
    command = ["export", "jax", str(weights), "--out", str(out), "--networks", name]
    assert run(command) == 0
    said = capsys.readouterr().out
    assert "max |program - module| / std" in said and "all below 1e-04" in said
    assert {path.name for path in out.iterdir()} == {f"{name}.jax", f"{name}.npz"}
    (network,) = networks.of_weights(str(weights), 1, (name,))
    module = jax.jit(lambda inputs: dict(network.function(network.params, **inputs)))
    expected = {}
    for batch in (1, 4):
        given = inputs_of(network, batch)
        np.savez(out / f"inputs{batch}.npz", **given)
        expected[batch] = module(given)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(out), name], check=True, cwd=out, env=environment,
        timeout=300,
    )  # fmt: skip
    for batch, values in expected.items():
        with np.load(out / f"found{batch}.npz") as found:
            assert set(found) == set(values)
            for output, value in values.items():
                # the same operations, which XLA may fuse differently
                tolerance = 1e-5 * float(np.std(value))
                np.testing.assert_allclose(found[output], value, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", ["warping_spade", FOLDED])
def test_both_forms_of_w_and_g_draw_what_the_plain_modules_draw(
    weights, name, tmp_path, monkeypatch
):
    # Winograd's formulations take long to compile
    monkeypatch.setattr(convolution, "WINOGRAD", 1000)
    monkeypatch.setattr(convolution, "WINOGRAD_TAPS", 1000)
    monkeypatch.setattr(export, "BATCHES", (2,))
    done = export.export(str(weights), tmp_path, (name,), ("cpu",))
    assert done.checked and [row.network for row in done.agreements] == [name]
    if name == FOLDED:  # agreed with the folded modules; now with the plain ones
        program, params = programs.read(tmp_path / f"{name}.jax", tmp_path / f"{name}.npz")
        (network,) = networks.of_weights(str(weights), 1, ("warping_spade",))
        given = inputs_of(network, 2)
        drawn = np.asarray(jax.jit(program.call)(params, given)["drawn"])
        plain = np.asarray(jax.jit(network.function)(network.params, **given)["drawn"])
        assert drawn.shape == plain.shape == (2, 64, 64, 3)
        assert np.abs(drawn - plain).max() < 1e-4 * plain.std()


def test_winograds_formulations_are_traced_for_any_batch():
    config = dataclasses.replace(
        TINY_RENDERER,
        image_size=32,
        warping=dataclasses.replace(TINY_RENDERER.warping, hourglass_blocks=1),
        spade=dataclasses.replace(TINY_RENDERER.spade, up_channels=(4,)),
    )
    params = random_params(renderer.shapes(config), np.random.default_rng(0))
    network = programs.folded(config, networks.drawing(config, params, 1), "cpu")
    layers = jax.tree.leaves(network.params, is_leaf=lambda x: isinstance(x, Convolution))
    forms = {layer.form for layer in layers if isinstance(layer, Convolution)}
    assert {"winograd", "winograd_taps", "direct"} <= forms
    program = programs.exported(network, ("cpu",))
    assert str(program.out_avals[0].shape) == "(batch, 16, 16, 3)"


def test_one_file_holds_programs_for_several_platforms(tmp_path):
    """Lowering for a GPU needs none."""
    folder = write_renderer(tmp_path / "renderer", SMALL)
    for network in programs.of_weights(str(folder), ("appearance", "warping_spade"), PLATFORMS[:2]):
        program = programs.exported(network, PLATFORMS[:2])
        assert program.platforms == ("cpu", "cuda")
        assert all(str(aval.shape[0]) == "batch" for aval in program.out_avals)


def test_names_are_the_options():
    assert programs.NAMES == (*NETWORKS, FOLDED) and programs.PLATFORMS == PLATFORMS


def test_programs_that_do_not_agree_are_not_written(weights, tmp_path, monkeypatch):
    read = programs.read

    def other(*paths):
        program, params = read(*paths)
        return program, {name: value + np.float32(0.1) for name, value in params.items()}

    monkeypatch.setattr(programs, "read", other)
    with pytest.raises(UserError, match="expected the exported program to agree"):
        export.export(str(weights), tmp_path / "out", ("stitching",))
    assert not list((tmp_path / "out").iterdir())


def test_bad_input_is_refused_in_one_sentence(weights, tmp_path, capsys):
    def refusal(*words):
        assert run(["export", "jax", *words, "--out", str(tmp_path / "out")]) == 2
        return capsys.readouterr().err

    assert "found no 'nothing'" in refusal("nothing")
    said = refusal(str(weights), "--networks", FOLDED)
    assert "expected one of --platforms" in said
    small = write_renderer(tmp_path / "renderer", SMALL)
    said = refusal(str(small), "--networks", FOLDED, "--platforms", "cpu")
    assert "found those of a small renderer" in said
    (tmp_path / "out").mkdir()
    (tmp_path / "out/stitching.npz").write_text("mine")
    said = refusal(str(weights), "--networks", "stitching")
    assert "expected no file at" in said
    assert (tmp_path / "out/stitching.npz").read_text() == "mine"
