"""A pickle is read, and nothing in it runs: each trap here would leave a file behind."""

import collections
import pickle

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.hub import safe_pickle

VALUES = {
    "n_frames": 2, "rate": 25.5, "name": "tälking", "none": None, "yes": True, "no": False,
    "large": 1 << 40, "less": -3, "raw": b"\x00\xff", "empty": [[], (), {}],
    "motion": [
        {"R": np.eye(3, dtype=np.float32)[None], "scale": np.float32(1.5)},
        {"R": np.arange(6, dtype=">f8").reshape(2, 3), "t": np.arange(6).reshape(2, 3).T},
    ],
    "tuples": [(1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "truth": np.array([True, False]),
}  # fmt: skip


def _read(tmp_path, content: bytes):
    path = tmp_path / "file.pkl"
    path.write_bytes(content)
    return safe_pickle.load(path, "a motion template")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_are_what_pickle_itself_reads(tmp_path, protocol):
    shared = np.ones(3, np.float32)
    found = _read(tmp_path, pickle.dumps(VALUES | {"a": shared, "b": shared}, protocol))
    np.testing.assert_equal(found, VALUES | {"a": shared, "b": shared})
    assert found["motion"][0]["R"].dtype == np.float32 and found["a"] is found["b"]
    assert isinstance(found["motion"][0]["scale"], np.float32)
    found["a"][0] = 2  # arrays are the caller's own


def test_both_spellings_of_numpy_are_read(tmp_path):
    content = pickle.dumps(np.arange(3.0), 2)
    assert b"numpy._core.multiarray" in content
    for spelling in (b"numpy._core.multiarray", b"numpy.core.multiarray"):
        found = _read(tmp_path, content.replace(b"numpy._core.multiarray", spelling))
        np.testing.assert_array_equal(found, [0, 1, 2])


class _Reduce:
    def __init__(self, ran):
        self.ran = ran

    def __reduce__(self):
        return open, (self.ran, "w")


class _New:
    """Runs in __new__, by NEWOBJ."""

    def __new__(cls, ran):
        open(ran, "w").close()
        return object.__new__(cls)


class _State:
    """Runs in __setstate__, by BUILD."""

    def __init__(self, ran):
        self.ran = ran

    def __setstate__(self, state):
        open(state["ran"], "w").close()


def _traps(ran: str) -> dict[str, bytes]:
    """Programs that Python's own unpickler would run, each by another instruction."""
    new = f"{__name__}\n{_New.__name__}\n".encode()
    name, where = b"io\nopen\n", f"V{ran}\n".encode() + b"Vw\n"
    text = lambda s: b"\x8c" + bytes([len(s)]) + s.encode()  # noqa: E731  SHORT_BINUNICODE
    array = np.array([_Reduce(ran)], object)
    return {
        "reduce": pickle.dumps(_Reduce(ran), 0),
        "stack_global": pickle.dumps(_Reduce(ran), 4),
        "stack_global by hand": b"\x80\x04" + text("io") + text("open") + b"\x93("
        + text(ran) + text("w") + b"tR.",
        "inst": b"(" + where + b"i" + name + b".",
        "obj": b"(c" + name + where + b"o.",
        "newobj": b"\x80\x02c" + new + f"(V{ran}\nt".encode() + b"\x81.",
        "newobj_ex": b"\x80\x04c" + new + f"(V{ran}\nt}}".encode() + b"\x92.",
        "build": pickle.dumps(_State(ran), 2),
        "build of numpy's state": b"\x80\x02cnumpy\ndtype\n}V__reduce__\ncio\nopen\nsb.",
        "within a dict": pickle.dumps({"n_frames": 1, "motion": [_Reduce(ran)]}),
        "array of objects": pickle.dumps(array, 4),
        "array of objects, protocol 2": pickle.dumps(array, 2),
        "array of objects, protocol 5": pickle.dumps(array, 5),
        "a function of a known module": b"cnumpy.core.multiarray\nfromfile\n(" + where + b"tR.",
        "an attribute of a known name": b"\x80\x04" + text("numpy") + text("dtype.__class__")
        + b"\x93(" + where + b"tR.",
        "getattr": b"cbuiltins\ngetattr\n(cnumpy\nndarray\nVtofile\ntR.",
        "persistent id": b"Pposix.system\n.",
        "extension": b"\x80\x02\x82\x01.",
    }  # fmt: skip


@pytest.mark.parametrize("trap", _traps(""))
def test_a_pickle_with_code_is_refused_and_runs_nothing(tmp_path, trap):
    ran = tmp_path / "ran"
    with pytest.raises(UserError, match="refused: nothing of the file was run"):
        _read(tmp_path, _traps(str(ran))[trap])
    assert [path.name for path in tmp_path.iterdir()] == ["file.pkl"]


@pytest.mark.parametrize(
    "trap",
    ["reduce", "stack_global", "stack_global by hand", "inst", "obj", "newobj", "newobj_ex",
     "build"],
)  # fmt: skip
def test_the_traps_are_real(tmp_path, trap):
    """Python's own unpickler runs them; here only, and into a folder of the test."""
    pickle.loads(_traps(str(tmp_path / "ran"))[trap])  # noqa: S301
    assert (tmp_path / "ran").exists()


def test_the_refusal_names_what_was_asked_for(tmp_path):
    with pytest.raises(UserError, match="found 'posix.system' in .*file.pkl"):
        _read(tmp_path, b"cposix\nsystem\n(Vtrue\ntR.")
    with pytest.raises(UserError, match=r"INST of 'posix.system'"):
        _read(tmp_path, b"(Vtrue\niposix\nsystem\n.")
    with pytest.raises(UserError, match="an array of objects"):
        _read(tmp_path, pickle.dumps(np.array([None], object)))
    with pytest.raises(UserError, match=r"'collections.OrderedDict'"):
        _read(tmp_path, pickle.dumps(collections.OrderedDict()))


def test_a_state_reaches_neither_numpy_nor_the_names(tmp_path):
    """dtype.__setstate__ would take flags that make NumPy follow numbers as pointers."""
    flags = b"\x80\x02cnumpy\ndtype\n(Vf4\n\x89\x88tR(K\x03V<\nNNNK\x00K\x00K\x3ftb."
    found = _read(tmp_path, flags)
    assert found == np.dtype("f4") and not found.hasobject
    with pytest.raises(UserError, match="a state for a _Name"):
        _read(tmp_path, b"\x80\x02cnumpy\ndtype\n}b.")


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(VALUES)[:-40], pickle.dumps(VALUES)[:3], b"\x00", b"hello", b".", b"N", b"(.",
        b"NN.", b"N0.", b"]NNb.", b"g7\n.", b"(lK\x01s.", b"\x80\x02cnumpy\ndtype\n)R.",
        pickle.dumps(np.arange(4.0), 2).replace(b"K\x04\x85", b"K\x05\x85"),
        b"\x8e" + (1 << 60).to_bytes(8, "little") + b"x.",  # more bytes than there are
        b"Nr\xff\xff\xff\xff0g1\n.", b"}]Ns.", b"(" * 100_000 + b".",
    ],
)  # fmt: skip
def test_a_damaged_pickle_is_one_sentence(tmp_path, content):
    with pytest.raises(UserError, match=r"expected a motion template.*file.pkl"):
        _read(tmp_path, content)


def test_endless_nesting_is_refused(tmp_path):
    deep = b"]" * 50 + b"a" * 49 + b"."
    with pytest.raises(UserError, match="nested"):
        _read(tmp_path, deep)
    with pytest.raises(UserError, match="nested"):
        _read(tmp_path, b"]q\x00h\x00a.")  # a list inside itself


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(safe_pickle, "LARGEST_BYTES", 100)
    with pytest.raises(UserError, match="at most"):
        _read(tmp_path, bytes(101))


def test_real_templates_are_read(shared):
    for name, rotation in (("template_talking", "R"), ("template_old_keys", "R_d")):
        found = safe_pickle.load(shared / "data" / "motion" / f"{name}.pkl")
        assert found["n_frames"] == len(found["motion"])
        assert found["motion"][0][rotation].shape == (1, 3, 3)
