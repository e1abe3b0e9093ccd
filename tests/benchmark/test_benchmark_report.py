"""Table, JSON and picture of a comparison show the figures that were measured."""

import dataclasses
import json
import xml.etree.ElementTree as ET

import pytest

from playmate_jax.benchmark.plot import svg
from playmate_jax.benchmark.report import Comparison, Measured, write_text
from playmate_jax.errors import UserError

MACHINE = {
    "cpu": "a <CPU>", "cpus": 2, "device": "cpu", "devices": 1, "load": [0.1, 0, 0],
    "load_after": [1.5, 0, 0],
}  # fmt: skip


@pytest.fixture
def comparison():
    """Ours takes 0.5 s for 1 TFLOP and 100 frames, theirs 1 s; the device does 4 TFLOP/s."""
    ours = Measured(
        "ours", "jax 1", [[0.5, 0.5], [0.5, 0.5]],
        {"compile_s": 20.0, "warm_s": 2.0, "host_peak_mib": 512.0, "device_peak_mib": None},
    )  # fmt: skip
    theirs = Measured("torch <eager>", "torch 2", [[1.0, 1.0], [1.0, 1.0]], {})
    return Comparison(
        "training step", {"batch": 8}, MACHINE, [ours, theirs], frames=100, flops=1e12,
        peak={"measured": 4e12, "datasheet": None}, flops_by_part={"mix": 1e12},
    )  # fmt: skip


def test_figures_follow_from_the_times(comparison):
    ours, theirs = comparison.figures()
    assert (ours["steps_per_s"], ours["frames_per_s"], ours["mfu"]) == (2.0, 200.0, 0.5)
    assert (theirs["ratio"], theirs["mfu"], ours["ratio"]) == (2.0, 0.25, 1.0)
    assert ours["mfu_datasheet"] is None


def test_the_table_has_a_row_for_each_side_under_its_headings(comparison):
    lines = comparison.table().splitlines()
    assert "load 0.1 before and 1.5 after" in lines[1]
    heading, ours, theirs = lines[-3:]
    places = {name: heading.index(name) + len(name) for name in ("MFU %", "host MiB", "ratio")}
    assert ours[: places["MFU %"]].endswith("50.0") and theirs[: places["ratio"]].endswith("2.00")
    assert ours[: places["host MiB"]].endswith("512")
    assert theirs[: places["host MiB"]].endswith(" -")  # not known


def test_a_busy_machine_is_told(comparison):
    busy = dataclasses.replace(comparison, machine=MACHINE | {"load": [1.1, 0, 0]})
    assert busy.table().endswith("no measurement, repeat it.")
    assert "repeat it" not in comparison.table()


def test_json_holds_every_time_and_the_flops_by_part(comparison):
    values = json.loads(comparison.to_json())
    assert values["sides"][1]["seconds"] == [[1.0, 1.0], [1.0, 1.0]]
    assert values["flops_by_part"] == {"mix": 1e12} and values["work"] == {"batch": 8}


def test_the_picture_is_well_formed_and_its_bars_are_the_times(comparison):
    root = ET.fromstring(svg(comparison))
    kind = "{http://www.w3.org/2000/svg}"
    ours, theirs = (float(bar.get("width")) for bar in root.iter(f"{kind}rect"))
    assert theirs == pytest.approx(2 * ours, abs=0.2)
    assert len(list(root.iter(f"{kind}circle"))) == 8
    assert "torch <eager>" in [text.text for text in root.iter(f"{kind}text")]


def test_files_are_replaced_whole_and_folders_are_made(tmp_path):
    for text in ("one", "two"):
        write_text(tmp_path / "new" / "speed.json", text)
    assert (tmp_path / "new" / "speed.json").read_text() == "two"
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["speed.json"]


def test_a_name_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(UserError, match="bytes"):
        write_text(tmp_path / ("x" * 300), "")
