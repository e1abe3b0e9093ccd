"""`playmate evaluate face-space`: the report on small data, and refusals of one sentence."""

import json

import cv2
import pytest

from playmate_jax.cli import run
from tests.data.made_up_clips import made_up_clip, write_data_set
from tests.metrics.drawn_folders import write_drawn


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return write_drawn(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Pairs of noise, of three speakers, in the split train alone."""
    folder = tmp_path_factory.mktemp("pairs")
    write_data_set(folder, "portrait_pairs", [[made_up_clip(n) for n in range(3)]])
    return folder


@pytest.fixture
def evaluated(tmp_path):
    """Runs the command into a new folder; its exit code."""

    def command(weights, data, *options, out="report"):
        place = str(tmp_path / out)
        return run(["evaluate", "face-space", str(weights), str(data), "--out", place, *options])

    return command


def test_the_demo_weights_redraw_synthetic_people(drawn, evaluated, tmp_path, capsys):
    assert evaluated("demo", drawn, "--people", "2") == 0
    out, err = capsys.readouterr()
    folder = tmp_path / "report"
    assert {p.name for p in folder.iterdir()} == {
        "report.json", "report.html", "self.png", "transfer.png", "cross.png",
    }  # fmt: skip
    report = json.loads((folder / "report.json").read_text("utf-8"))
    assert report["people"] == 2 and report["splits"] == ["test"]
    assert report["stored_size"] == 64 and report["image_size"] == 128
    own = report["self_reenactment"]
    assert own["psnr_drawn"] > own["psnr_copy"]
    assert own["head_pose_deg"]["drawn"]["mean"] < own["head_pose_deg"]["copy"]["mean"]
    assert {"transfer", "stillness", "readout"} <= report.keys()
    assert report["leakage"].keys() == {"m", "reader"}
    assert "self-reenactment" in out and "resized from 64 to 128" in out and "own M" in out
    assert "2 people are few" in out
    assert "people" in err  # progress
    page = (folder / "report.html").read_text("utf-8")
    assert "Eq. 2" in page and 'src="cross.png"' in page and "Undefined" not in page
    assert cv2.imread(str(folder / "cross.png")).shape[1] == 3 * 132 - 4


def test_pairs_without_truth_are_read_by_m_alone(pairs, tiny_weights, evaluated, capsys):
    assert evaluated(tiny_weights, pairs, "--json", "--quiet") == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert err == "" and report["kind"] == "portrait_pairs" and report["splits"] == ["train"]
    assert report["leakage"].keys() == {"m"} and "transfer" not in report
    assert "readout" in report  # by landmarks
    assert any("may know these people" in note for note in report["notes"])


def test_an_earlier_report_is_replaced(pairs, tiny_weights, evaluated, tmp_path):
    old = tmp_path / "report"
    old.mkdir()
    for name in ("report.json", "self.png"):
        (old / name).write_text("old")
    assert evaluated(tiny_weights, pairs, "--quiet", "--people", "2") == 0
    assert json.loads((old / "report.json").read_text())["people"] == 2
    assert (old / "self.png").read_bytes() != b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["report"]  # no temporary name is left


@pytest.mark.parametrize(
    ("weights", "data", "options", "told"),
    [
        ("demo", "nowhere", [], "expected a prepared data set (portrait_pairs or drawn_faces)"),
        ("dmeo", "pairs", [], "expected weights"),
        ("generator", "pairs", [], "expected the weights of a renderer"),
        ("demo", "talking", [], "talking_clips alone"),
        ("demo", "pairs", ["--split", "test"], "split 'test'"),
        ("demo", "one", [], "expected two people or more"),
        ("demo", "pairs", ["--people", "0"], "from 1"),
        ("demo", "pairs", ["--people", "1"], "expected two people or more"),
        ("demo", "pairs", ["--split", "tset"], "did you mean 'test'"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    weights, data, options, told, pairs, tiny_weights, tmp_path, evaluated, refused
):
    if data == "talking":
        write_data_set(tmp_path / data, "talking_clips", [[made_up_clip(0)]])
    if data == "one":
        write_data_set(tmp_path / data, "portrait_pairs", [[made_up_clip(0)]])
    weights = tiny_weights / "generator" if weights == "generator" else weights
    refused(evaluated(weights, pairs if data == "pairs" else tmp_path / data, *options), told)
    assert not (tmp_path / "report").exists()


def test_a_folder_of_something_else_is_not_replaced(
    pairs, tiny_weights, tmp_path, evaluated, refused
):
    photo = tmp_path / "mine" / "photo.jpg"
    photo.parent.mkdir()
    photo.write_bytes(b"dear")
    (photo.parent / "report.json").write_text("{}")
    for out in ("mine", "mine/photo.jpg", "mine/photo.jpg/report"):
        refused(evaluated(tiny_weights, pairs, out=out), "expected", "photo.jpg", "another --out")
    assert photo.read_bytes() == b"dear"


def test_an_action_is_asked_for(refused):
    refused(run(["evaluate"]), "ACTION")
