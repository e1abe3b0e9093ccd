"""Checkpoints are strangers' files: nothing in them runs, and every fault is told at once."""

import json
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from playmate_jax.converters import checkpoints, convert, torch_files, verify  # noqa: E402
from playmate_jax.converters.registry import by_name  # noqa: E402
from playmate_jax.errors import UserError  # noqa: E402


def tiny_state(name="hopenet"):
    family = by_name(name)
    return verify.synthetic_state(family.table(family.tiny), family.shapes(family.tiny))


class Harmful:
    """Unpickling this makes a file."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("container", ["pickle", "torch", "torch, old"])
def test_a_file_that_would_run_code_is_refused_and_does_not_run(container, tmp_path):
    trace, file = tmp_path / "ran", tmp_path / "m.pth"
    content = tiny_state() | {"extra": Harmful(trace)}
    if container == "pickle":
        file.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, file, _use_new_zipfile_serialization=container == "torch")
    with pytest.raises(UserError, match="tensors only"):
        convert.to_jax(file, tmp_path / "out")
    assert not trace.exists()
    assert not (tmp_path / "out").exists()
    # the same file does run where nobody takes care: this test would notice
    torch.load(file, weights_only=False) if container != "pickle" else pickle.loads(
        file.read_bytes()
    )
    assert trace.exists()


def faulty(state, fault):
    """One fault, and what is told of it."""
    if fault == "renamed":
        state["conv_one.weight"] = state.pop("conv1.weight")
        return ["+ conv_one.weight", "- conv1.weight"]
    if fault == "wrong shape":
        state["fc_yaw.weight"] = state["fc_yaw.weight"][:, :-1]
        return ["! fc_yaw.weight (66, 31) does not become (32, 66)"]
    if fault == "not a number":
        state["bn1.weight"] = np.full_like(state["bn1.weight"], np.nan)
        return ["! bn1.weight holds values that are not finite"]
    if fault == "half missing":
        lost = [name for name in state if name.startswith("layer2.1.")]
        for name in lost:
            del state[name]
        del state["fc_roll.bias"], state["fc_pitch.bias"]
        return ["- fc_roll.bias", "- fc_pitch.bias"]
    state |= {f"module.{name}": state[name] for name in ("bn1.weight", "fc_yaw.bias")}
    return ["! bn1.weight is there twice", "! fc_yaw.bias is there twice"]


FAULTS = ["renamed", "wrong shape", "not a number", "half missing", "twice"]


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_a_checkpoint_is_told_and_nothing_is_written(fault, suffix, tmp_path):
    state = tiny_state()
    told = faulty(state, fault)
    file = torch_files.write(tmp_path / f"m{suffix}", state)
    with pytest.raises(UserError) as refused:
        convert.to_jax(file, tmp_path / "out")
    for line in told:
        assert line in str(refused.value)
    assert list(tmp_path.iterdir()) == [file]


def test_all_faults_come_in_one_message(tmp_path):
    state = tiny_state()
    told = [line for fault in FAULTS[:4] for line in faulty(state, fault)]
    file = torch_files.write(tmp_path / "m.pth", state)
    with pytest.raises(UserError) as refused:
        convert.to_jax(file, tmp_path / "out")
    assert all(line in str(refused.value) for line in told)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("kept", [0, 7, 400, -4])
def test_a_truncated_file_is_refused(suffix, kept, tmp_path):
    file = torch_files.write(tmp_path / f"m{suffix}", tiny_state())
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(UserError, match="fetch it again"):
        convert.to_jax(file, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [file]


def test_a_name_that_stands_twice_in_a_header_is_refused(tmp_path):
    one = '"conv1.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
    header = f"{{{one},{one}}}".encode()
    file = tmp_path / "m.safetensors"
    file.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(UserError, match="! conv1.weight is there 2 times"):
        convert.to_jax(file, tmp_path / "out")


def test_a_state_dict_may_hold_something_else_than_tensors_only_where_nothing_reads_it(tmp_path):
    state = tiny_state() | {"fc_yaw.bias": "a text"}
    torch_files.write(tmp_path / "m.pth", {"state_dict": state, "epoch": 7})
    with pytest.raises(UserError, match=r"! fc_yaw\.bias is no tensor but a str"):
        convert.to_jax(tmp_path / "m.pth", tmp_path / "out")
    state |= {"fc_yaw.bias": np.zeros(66, np.float32)}
    torch_files.write(tmp_path / "m.pth", {"state_dict": state, "epoch": 7})
    assert convert.to_jax(tmp_path / "m.pth", tmp_path / "out").passed


def test_metadata_that_are_no_json_or_another_models_are_refused(tmp_path):
    from safetensors.numpy import save_file

    file = tmp_path / "m.safetensors"
    save_file(tiny_state(), file, {"config": "{"})
    with pytest.raises(UserError, match="metadata are no JSON"):
        convert.to_jax(file, tmp_path / "out")
    save_file(tiny_state(), file, {"config": json.dumps({"kind": "hopenet", "widhts": [1]})})
    with pytest.raises(UserError, match="did you mean 'widths'"):
        convert.to_jax(file, tmp_path / "out")


def test_a_zip_of_something_else_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(UserError, match="tensors only"):
        checkpoints.read(tmp_path / "m.pth")
