"""`playmate evaluate --animate`: videos of a table are made and measured in one go."""

import json

import numpy as np
import pytest

import playmate_jax.faces
from playmate_jax.cli import run
from playmate_jax.media import VideoWriter
from tests.cli.conftest import FixedFaces

FRAMES = 10


@pytest.fixture
def evaluate(tiny, inputs, portrait_pixels, speech_samples, monkeypatch, tmp_path, capsys):
    """Runs the command on a table of these lines; exit code, report and standard error."""
    faces = FixedFaces((0.5, 0.5, 0.4))
    monkeypatch.setattr(playmate_jax.faces, "TfliteLandmarker", lambda folder: faces)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (inputs / "real ü").mkdir()
    with VideoWriter(inputs / "real ü" / "anna.mp4", 25, (96, 96), speech_samples, 16_000) as out:
        for t in range(FRAMES):
            out.write(np.roll(portrait_pixels, t, 1))
    (inputs / "real ü" / "bad.mp4").write_bytes(b"no video")

    def command(*lines, options=("--metrics", "psnr", "landmarks")):
        table = inputs / "table.csv"
        table.write_text("\n".join(lines) + "\n", "utf-8")
        out = ["--out", str(inputs / "results"), "--json", "--quiet", "--protocol", "quick"]
        code = run(["evaluate", "--animate", str(table), *out, *options])
        told, err = capsys.readouterr()
        return code, json.loads(told) if told else None, err

    return command


HEADER = "portrait,speech,reference,output,emotion"
GOOD = "portrait.png,speech.wav,real ü/anna.mp4,,happy=0.8"


def test_a_table_is_made_and_measured_and_goes_on(evaluate, inputs):
    bad = (
        "portrait.png,missing.wav,real ü/anna.mp4,b,",
        "portrait.png,speech.wav,real ü/nobody.mp4,c,",
        ",,real ü/bad.mp4,d,",
        "portrait.png,speech.wav,,e,",
        ",,real ü/anna.mp4,own,",
    )
    code, found, _ = evaluate(HEADER, GOOD, *bad)
    assert code == 0
    system = found["systems"]["demo"]
    assert system["clips"] == 2 and np.isfinite(system["scores"]["psnr"]["value"])
    assert {row["clip"] for row in system["by_clip"]} == {"anna", "own"}
    told = {fault["clip"]: fault["sentence"] for fault in found["faults"]}
    assert told.keys() == {"b", "c", "d", "e"} or len(found["faults"]) == 4
    assert "row 3 of table.csv" in told["b"] and "missing.wav" in told["b"]
    assert "nobody.mp4" in told["c"] and "bad.mp4" in told["d"]
    assert "expected a reference" in next(
        f["sentence"] for f in found["faults"] if "row 6" in f["sentence"]
    )
    made = inputs / "results" / "animated" / "demo" / "anna.mp4"
    before = made.stat().st_mtime_ns
    again, same, _ = evaluate(HEADER, GOOD, *bad)
    assert again == 0 and made.stat().st_mtime_ns == before
    assert same["systems"] == found["systems"]


def test_videos_of_one_name_begin_from_their_own_first_frames(
    evaluate, inputs, portrait_pixels, speech_samples
):
    other = inputs / "other"
    other.mkdir()
    with VideoWriter(other / "anna.mp4", 25, (96, 96), speech_samples, 16_000) as out:
        for _ in range(FRAMES):
            out.write(portrait_pixels[::-1])
    rows = (",,real ü/anna.mp4,one,", ",,other/anna.mp4,two,")
    code, found, _ = evaluate(HEADER, *rows, options=("--metrics", "psnr"))
    assert code == 0 and found["systems"]["demo"]["clips"] == len(rows)
    first = [path.read_bytes() for path in (inputs / "results").rglob("first frames/*.png")]
    assert len(first) == len(set(first)) == len(rows)


def test_several_generators_and_a_baseline_stand_in_one_table(evaluate):
    options = ("--generator", "ours=demo", "other=demo", "--baseline", "--metrics", "psnr")
    code, found, _ = evaluate(HEADER, GOOD, options=options)
    assert code == 0 and list(found["systems"]) == ["ours", "other", "first frame"]
    scores = [one["scores"]["psnr"]["value"] for one in found["systems"].values()]
    assert scores[0] == scores[1] != scores[2]


@pytest.mark.parametrize(
    ("lines", "options", "told"),
    [
        (("portrait,speech", "portrait.png,speech.wav"), (), "a column 'reference'"),
        ((HEADER, "portrait.png,missing.wav,real ü/anna.mp4,,"), (), "a row that can be made"),
        ((HEADER, GOOD), ("--generator", "a=demo", "a=x"), "a plain name of its own"),
        ((HEADER, GOOD), ("--reference", "x"), "leave --reference out"),
        ((HEADER, GOOD), ("--generator", "../x=demo"), "a plain name of its own"),
    ],
)
def test_what_cannot_be_made_is_refused(evaluate, lines, options, told):
    code, _, err = evaluate(*lines, options=options)
    assert code == 2 and told in err and len(err.splitlines()) == 1


def test_neither_table_nor_folders_is_refused(capsys, tmp_path):
    assert run(["evaluate", "clips", "--out", str(tmp_path / "x")]) == 2
    assert "--animate TABLE.csv" in capsys.readouterr().err
