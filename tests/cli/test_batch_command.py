"""`playmate batch`: a video a row, resumable; a bad row costs no other one."""

import json

import pytest

from playmate_jax.cli import run
from playmate_jax.inference import Animator
from playmate_jax.media import open_video


@pytest.fixture
def table(inputs):
    """Writes a table of these lines; its path."""

    def write(*lines, name="jobs.csv"):
        path = inputs / name
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    return write


@pytest.fixture
def batch(inputs, capsys):
    """`playmate batch` of a table; its exit code, its results and standard error."""

    def command(path, *options):
        code = run(["batch", str(path), "--out", str(inputs / "videos"), "--json", *options])
        out, err = capsys.readouterr()
        return code, json.loads(out) if out else None, err

    return command


ROWS = (
    "portrait,speech,output,seed",
    "portrait.png,speech.wav,,1",
    "portrait.png,speech.wav,,2",
    'portrait.png,speech.wav,"señor, 山田",1',
)


def test_every_row_gives_its_video(tiny, table, batch, inputs):
    code, told, _ = batch(table(*ROWS))
    names = ["portrait-speech.mp4", "portrait-speech-2.mp4", "señor, 山田.mp4"]
    assert code == 0 and [result["output"] for result in told["results"]] == names
    videos = [(inputs / "videos" / name).read_bytes() for name in names]
    assert videos[0] == videos[2] != videos[1]  # by their seeds
    assert len(list(open_video(inputs / "videos" / names[0]))) == 10


def test_the_same_command_makes_only_what_is_missing_or_has_changed(tiny, table, batch, inputs):
    batch(table(*ROWS))
    videos = inputs / "videos"
    before = {path: path.stat().st_mtime_ns for path in videos.glob("*.mp4")}
    (videos / "portrait-speech-2.mp4").unlink()
    with (videos / "results.jsonl").open("a") as file:
        file.write('{"row": 3, "outp')  # as a power failure leaves it
    code, told, _ = batch(table(*ROWS[:3], "portrait.png,speech.wav,other,3"))
    assert code == 0 and told["before"] == 1 and told["failed"] == 0
    assert (videos / "other.mp4").exists() and (videos / "portrait-speech-2.mp4").exists()
    kept = videos / "portrait-speech.mp4"
    assert kept.stat().st_mtime_ns == before[kept]
    code, told, _ = batch(table(ROWS[0], "portrait.png,speech.wav,,7"))
    assert told["before"] == 0 and kept.stat().st_mtime_ns != before[kept]


def test_a_bad_row_costs_no_other_one_and_is_told(tiny, table, batch, inputs, monkeypatch):
    (inputs / "damaged.wav").write_bytes(b"RIFF")
    rows = ("portrait.png,missing.wav,a,", "portrait.png,damaged.wav,b,", "portrait.png,,c,",
            "portrait.png,speech.wav,../d,", "portrait.png,speech.wav,e,x",
            "portrait.png,speech.wav,f,1")  # fmt: skip
    code, told, err = batch(table(ROWS[0], *rows))
    assert code == 2 and told["failed"] == 5
    assert [path.name for path in (inputs / "videos").glob("*.mp4")] == ["f.mp4"]
    assert not (inputs / "d.mp4").exists() and "Traceback" not in err
    for row, word in enumerate(
        ("missing.wav", "damaged.wav", "speech", "output folder", "seed"), 2
    ):
        (line,) = (line for line in err.splitlines() if f"row {row}:" in line)
        assert word in line


def test_a_defect_met_in_one_row_is_told_and_the_others_go_on(tiny, table, batch, monkeypatch):
    animate = Animator.animate

    def fails_for_seed_1(self, *args, **options):
        if options["seed"] == 1:
            raise ZeroDivisionError("a defect")
        return animate(self, *args, **options)

    monkeypatch.setattr(Animator, "animate", fails_for_seed_1)
    code, told, err = batch(table(*ROWS[:3]))
    assert code == 2 and told["failed"] == 1 and "ZeroDivisionError" in err
    monkeypatch.undo()


def test_files_that_no_batch_made_are_kept(tiny, table, batch, inputs):
    (inputs / "videos").mkdir()
    precious = inputs / "videos" / "portrait-speech.mp4"
    precious.write_bytes(b"precious")
    for _ in range(2):  # nor once the failure is in the results
        code, told, err = batch(table(*ROWS[:3]))
        assert code == 2 and told["failed"] == 1 and "neither" in err
        assert precious.read_bytes() == b"precious"


def test_a_video_whose_result_was_lost_with_the_process_is_made_again(tiny, table, batch, inputs):
    """As after a kill between the video's last byte and its line in the results."""
    batch(table(*ROWS[:2]))
    results = inputs / "videos" / "results.jsonl"
    lines = [line for line in results.read_text().splitlines() if "begun" in line]
    results.write_text("\n".join(lines))
    code, told, _ = batch(table(*ROWS[:2]))
    assert code == 0 and told["before"] == 0


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        (("portrait,speach", "a,b"), "did you mean 'speech'"),
        (("portrait,seed", "a,1"), "'driving'"),
        (("portrait,speech,speech", "a,b,c"), "twice"),
        (("portrait,speech",), "no row"),
    ],
)
def test_a_table_that_is_none_is_refused_before_the_work(no_work, table, batch, lines, word):
    code, told, err = batch(table(*lines))
    assert (code, told) == (2, None) and word in err and len(err.splitlines()) == 1
