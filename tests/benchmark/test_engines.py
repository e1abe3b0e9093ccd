"""The comparison of engines, at a tiny size: figures of every side, and none of what is missing."""

import sys

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from benchmarks import engines  # noqa: E402
from tests.random_weights import TINY_RENDERER  # noqa: E402


def test_sides_are_timed_and_draw_the_same_image(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    names = ("plain", "PyTorch", "onnxruntime", "OpenVINO")
    found = engines.measured(TINY_RENDERER, names, rounds=1)
    assert set(found["sides"]) == {"plain", "PyTorch", "onnxruntime"}
    assert set(found["left_out"]) == {"OpenVINO"}
    for row in found["sides"].values():
        assert min(row["wall_s"], row["first_s"], row["cpu_s"]) > 0
    assert found["sides"]["plain"]["difference"] == 0
    assert 0 < found["sides"]["onnxruntime"]["difference"] < 1e-4
    assert found["sides"]["PyTorch"]["difference"] is None
    table = engines.markdown(found).splitlines()
    assert len(table) == 6 and table[-1].startswith("| OpenVINO | left out: ")


def test_a_table_has_the_fastest_first():
    row = {"cpu_s": 1.0, "first_s": 9.0, "difference": None}
    sides = {"slow": row | {"wall_s": 2.0}, "fast": row | {"wall_s": 0.5, "difference": 3e-6}}
    lines = engines.markdown({"sides": sides, "left_out": {}}).splitlines()
    assert lines[2] == "| fast | 0.500 | 1.000 | 9.000 | 3.0e-06 |"
    assert lines[3] == "| slow | 2.000 | 1.000 | 9.000 | own weights |"
