"""TorchScript files give their tensors, and nothing in them runs."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from playmate_jax.converters import torch_files, torchscript_files  # noqa: E402
from playmate_jax.errors import UserError  # noqa: E402


class Layers(torch.nn.Module):
    """Tensors of several types, one of them a view with strides of its own."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
        self.first[0].weight = torch.nn.Parameter(torch.arange(6.0).reshape(3, 2).T)
        self.register_buffer("halves", torch.full((2, 2), 0.5, dtype=torch.float16))
        self.register_buffer("row", torch.arange(12).reshape(3, 4)[1])
        self.sizes = [1, 2]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(x) * self.sizes[0]


def script(module: torch.nn.Module, file: Path) -> Path:
    torch.jit.script(module.eval()).save(str(file))
    return file


def test_all_tensors_of_a_script_have_their_names_values_and_types(tmp_path):
    module = Layers()
    found = torch_files.read(script(module, tmp_path / "m.pt"))
    wanted = {name: value.numpy() for name, value in module.state_dict().items()}
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value, strict=True)
    assert not torchscript_files.recognises(torch_files.write(tmp_path / "s.pt", wanted))


def test_tensors_that_are_constants_of_the_code_are_refused(tmp_path):
    frozen = torch.jit.freeze(torch.jit.script(Layers().eval()))
    frozen.save(str(tmp_path / "m.pt"))
    with pytest.raises(UserError, match="found none, as in frozen modules: convert a state dict"):
        torch_files.read(tmp_path / "m.pt")


class Harmful:
    """Unpickling this makes a file."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def archive(file: Path, tree: bytes, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(file, "w", compression) as made:
        made.writestr("m/data.pkl", tree)
        made.writestr("m/constants.pkl", b"")
        made.writestr("m/data/0", bytes(16))
    return file


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path):
    file = archive(tmp_path / "m.pt", pickle.dumps(Harmful(tmp_path / "ran"), protocol=2))
    with pytest.raises(UserError, match="found '.*getattr'.*nothing of the file was run"):
        torch_files.read(file)
    assert not (tmp_path / "ran").exists()


def a_tensor(shape: bytes, strides: bytes) -> bytes:
    """A module with one tensor of a storage of four floats, as TorchScript writes it."""
    return (
        b"\x80\x02c__torch__\nM\n)\x81}(X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n"
        b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
        b"K\x04tQK\x00(" + shape + b"t(" + strides + b"t\x89ccollections\nOrderedDict\n)RtRub."
    )


def test_a_tensor_beyond_its_storage_is_refused(tmp_path):
    read = torch_files.read(archive(tmp_path / "m.pt", a_tensor(b"K\x02K\x02", b"K\x02K\x01")))
    assert read["w"].shape == (2, 2)
    for shape, strides in (
        (b"K\x05", b"K\x01"),
        (b"K\x02K\x02", b"K\x04K\x01"),
        (b"K\x7f", b"K\0"),
    ):
        file = archive(tmp_path / "m.pt", a_tensor(shape, strides))
        with pytest.raises(UserError, match="a tensor that reaches beyond its storage"):
            torch_files.read(file)


def test_damage_and_compression_are_told(tmp_path):
    file = archive(tmp_path / "m.pt", a_tensor(b"K\x04", b"K\x01")[:-9])
    with pytest.raises(UserError, match="is damaged; fetch it again"):
        torch_files.read(file)
    tree = a_tensor(b"K\x04", b"K\x01")
    with pytest.raises(UserError, match="found compressed numbers"):
        torch_files.read(archive(tmp_path / "m.pt", tree, zipfile.ZIP_DEFLATED))
