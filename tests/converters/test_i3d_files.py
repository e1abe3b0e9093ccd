"""All distributions of I3D's weights become the same network.

`recordings/i3d_saved_model` was written by TensorFlow 2.21 (`tf.raw_ops.SaveV2`), with the names of
the published module and synthetic values, at the sizes of `SAVED`.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

from playmate_jax.converters import checkpoints, convert, torch_files, verify
from playmate_jax.converters.i3d import FAMILY
from playmate_jax.converters.i3d.files import LAYOUT, by_order
from playmate_jax.converters.i3d.rules import present_name
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import load_weights
from playmate_jax.models.i3d import I3DConfig

RECORDED = Path(__file__).parent / "recordings" / "i3d_saved_model"
SAVED = I3DConfig((2, 1, 2), ((1, 1, 2, 1, 1, 1),) * 9, 2)
HASSONY2 = {
    ".bn.": ".batch3d.", "Conv3d_": "conv3d_", "Mixed_": "mixed_", ".b0.": ".branch_0.",
    ".b1a.": ".branch_1.0.", ".b1b.": ".branch_1.1.", ".b2a.": ".branch_2.0.",
    ".b2b.": ".branch_2.1.", ".b3b.": ".branch_3.1.", "logits.": "conv3d_0c_1x1.",
}  # fmt: skip


def synthetic(config: I3DConfig = FAMILY.tiny) -> dict[str, np.ndarray]:
    return verify.synthetic_state(FAMILY.table(config), FAMILY.shapes(config))


def hassony2(name: str) -> str:
    for own, theirs in HASSONY2.items():
        name = name.replace(own, theirs)
    return name


@pytest.mark.parametrize("spelling", [hassony2, "detector.{}".format, str.upper, str])
def test_every_spelling_of_names_is_the_same_network(spelling):
    for name in synthetic():
        spelt = spelling(name)
        if spelling is str.upper:  # only modules are spelt with capitals
            module, _, leaf = name.rpartition(".")
            spelt = f"{module.upper()}.{leaf}"
        assert present_name(spelt) == name


def test_a_saved_model_is_read_without_tensorflow_and_its_norms_have_no_scale(tmp_path):
    assert convert.to_jax(RECORDED, tmp_path / "w").name == "i3d"
    convert.to_pytorch(tmp_path / "w", tmp_path / "back.safetensors")
    back = torch_files.read(tmp_path / "back.safetensors")
    wanted = synthetic(SAVED)
    for name in wanted:
        if name.endswith("bn.weight"):
            wanted[name] = np.ones_like(wanted[name])
    assert back.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(back[name], value, strict=True)


def test_a_damaged_saved_model_is_told(tmp_path):
    folder = tmp_path / "saved"
    shutil.copytree(RECORDED, folder)
    index, data = sorted((folder / "variables").iterdir(), reverse=True)
    data.write_bytes(data.read_bytes()[:-8])
    with pytest.raises(UserError, match="damaged; fetch them again"):
        checkpoints.read(folder)
    data.unlink()
    with pytest.raises(UserError, match="give the folder of the whole SavedModel"):
        checkpoints.read(folder)
    index.write_bytes(index.read_bytes()[:300])
    with pytest.raises(UserError, match="damaged; fetch them again"):
        checkpoints.read(folder)


def test_modules_of_unknown_names_are_told_by_order_and_shape():
    state = synthetic()
    tensors = {k: v for k, v in state.items() if "num_batches" not in k}
    order = list(tensors)
    for names in (order, order[2:] + order[:2]):  # the logits first, and last
        strange = {f"m{i}.x": tensors[name] for i, name in enumerate(names)}
        found = by_order(strange, FAMILY.tiny)
        assert found is not None and all(found[name] is tensors[name] for name in order)
    assert by_order(state, FAMILY.tiny) is None  # names that are known are believed
    swapped = dict(enumerate([*tensors.values()][::-1]))
    assert by_order({str(k): v for k, v in swapped.items()}, FAMILY.tiny) is None


def test_order_and_shape_are_asked_at_the_published_size_alone():
    full = verify.manifest(FAMILY.table(I3DConfig()), FAMILY.shapes(I3DConfig()))
    empty = {k: np.broadcast_to(np.float32(0), v[0]) for k, v in full.items() if "num_b" not in k}
    found = LAYOUT.unpack({f"layer_{i}": value for i, value in enumerate(empty.values())})
    assert found is not None and found.keys() == empty.keys()
    assert LAYOUT.unpack({f"l{i}": value for i, value in enumerate(synthetic().values())}) is None


@pytest.mark.filterwarnings("ignore:Converting a tensor")  # sizes become the trace's
def test_a_torchscript_file_is_the_network_that_was_traced(tmp_path):
    torch = pytest.importorskip("torch")
    from playmate_jax.converters.i3d.reference import I3DReference

    state = synthetic()
    module = I3DReference(FAMILY.tiny).eval()
    module.load_state_dict(torch_files.to_tensors(state))
    with torch.no_grad():
        traced = torch.jit.trace(module, torch.rand(1, 3, 9, 32, 32), check_trace=False)
    traced.save(str(tmp_path / "i3d_torchscript.pt"))
    done = convert.to_jax(tmp_path / "i3d_torchscript.pt", tmp_path / "w")
    assert (done.name, done.share) == ("i3d", 1.0)
    torch_files.write(tmp_path / "s.pt", state)
    convert.to_jax(tmp_path / "s.pt", tmp_path / "s")
    found, wanted = ((tmp_path / name / "params.safetensors").read_bytes() for name in ("w", "s"))
    assert found == wanted
    assert load_weights(tmp_path / "w")[0]["kind"] == "i3d"
