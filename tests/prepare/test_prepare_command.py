"""`playmate prepare`: what it tells, what it refuses, and that Beam's runners all do the same."""

import io
import json
import os
import re
import sys

import pytest

pytest.importorskip("apache_beam")
pytest.importorskip("tensorflow_datasets")

from playmate_jax.cli import run
from playmate_jax.cli.progress import ProgressBar, span
from playmate_jax.errors import UserError
from playmate_jax.prepare import pipeline, stores, tasks
from playmate_jax.prepare.output import Output
from playmate_jax.prepare.plan import plan
from playmate_jax.prepare.preparation import Progress
from tests.prepare.fake_makers import FakeConfig, sources
from tests.prepare.preparing import KINDS, OtherRunner, contents, prepare, substitute

OTHER = "tests.prepare.preparing.OtherRunner"


@pytest.fixture
def fakes(monkeypatch):
    substitute(monkeypatch.setattr)


def test_real_records_are_read_by_tfds_and_grain(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    from playmate_jax.data.record_source import open_records
    from playmate_jax.data.statistics import SetStatistics, read_statistics
    from playmate_jax.prepare.ledger import load_encoder
    from tests.prepare.fake_makers import clip

    listed = sources(6)
    substitute(monkeypatch.setattr, listed, encoder=load_encoder)
    assert prepare(tmp_path / "out") == 0
    builder = tfds.builder_from_directory(str(tmp_path / "out/portrait_pairs/1.0.0"))
    assert {name: info.num_examples for name, info in builder.info.splits.items()} == {
        "train": 10, "validation": 2,
    }  # fmt: skip
    records = open_records(tmp_path / "out", "train", kinds=("talking_clips",))
    lines = [json.loads(line) for line in (tmp_path / "out/clips.jsonl").open()]
    assert [record["id"] for record in map(records.__getitem__, range(10))] == [
        line["id"] for line in lines if line["split"] == "train"
    ]
    clips = {made.id: made for source in listed for made in (clip(source, n) for n in range(2))}
    assert (records[3]["audio"] == clips[records[3]["id"]].audio).all()
    # one statistic for all, merged as the records lie
    merged = SetStatistics.merged(SetStatistics.of(clips[line["id"]]) for line in lines[:10])
    found = read_statistics(tmp_path / "out/talking_clips/1.0.0")["train"]
    assert found.frames == sum(line["frames"] for line in lines[:10])
    assert abs(found.expression.mean - merged.expression.mean).max() < 1e-12
    for kind in KINDS:
        assert os.system(f"cd {tmp_path}/out/{kind}/1.0.0 && sha256sum --quiet -c SHA256SUMS") == 0


def test_the_summary_tells_what_came_of_it_and_what_is_next(tmp_path, fakes, capsys):
    out = tmp_path / "two words"
    assert prepare(out) == 0
    told, progress = capsys.readouterr()
    assert told.splitlines()[0] == ("kept 43 clips, 0.04 h of 22 speakers (train 35, validation 8)")
    assert "      2 quality: shorter than 3 s\n" in told
    assert "1 source crashed, hung or failed unexpectedly" in told
    assert told.endswith(f"next: playmate data report '{out}'\n")
    assert "23/23 sources" in progress and "43 clips, 3 dropped (1 crashed" in progress
    assert json.loads((out / "dropped.jsonl").read_text().splitlines()[0])["reason"]


def test_where_nothing_is_kept_the_reason_is_told_and_the_folder_can_be_used_again(
    tmp_path, monkeypatch, capsys
):
    out = tmp_path / "out"
    substitute(monkeypatch.setattr, sources(0, "short.mp4", "short 2.mp4"))
    assert prepare(out, "--quiet") == 2
    told = capsys.readouterr().err
    assert "all was dropped, most often because: quality: shorter than 3 s" in told
    assert contents(out).keys() == {"dropped.jsonl"}
    substitute(monkeypatch.setattr, sources(3))
    assert prepare(out, "--quiet") == 0


@pytest.mark.parametrize(
    "config, told",
    [("settings", "expected weights, found none: fetch them"), ("start", "does not start: .*SEGV")],
)
def test_what_no_source_can_help_stops_the_run_with_one_sentence(
    tmp_path, monkeypatch, capsys, config, told
):
    substitute(monkeypatch.setattr, config=FakeConfig(broken=config))
    assert prepare(tmp_path / "out", "--quiet") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(told, line)


def test_options_after_the_dashes_reach_beam_untouched(tmp_path, fakes, capsys):
    words = "--parallelism=7 --flink_master host:8081 --environment_type=LOOPBACK --mine=a b"
    OtherRunner.seen.clear()
    assert prepare(tmp_path / "out", "--runner", OTHER, "--", *words.split(" ", 4)) == 0
    (seen,) = OtherRunner.seen
    assert seen["environment_type"] == "LOOPBACK" and seen["runner"] == OTHER
    assert (seen["flink_master"], seen["parallelism"], seen["mine"]) == ("host:8081", 7, "a b")


def test_another_runner_gives_the_same_bytes(tmp_path, fakes):
    assert prepare(tmp_path / "a", workers=2) == 0
    assert prepare(tmp_path / "b", "--runner", OTHER) == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_remote_store_gets_the_same_bytes(tmp_path, fakes, monkeypatch):
    """Beam's own interface, with a local folder behind it."""
    monkeypatch.setattr(Output, "__init__", remote_output)
    assert prepare(tmp_path / "a") == 0
    monkeypatch.undo()
    substitute(monkeypatch.setattr)
    assert prepare(tmp_path / "b") == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def remote_output(self, root: str) -> None:
    self.root, self.local, self._store = root, False, stores.Remote()


@pytest.mark.slow
def test_a_task_that_failed_may_be_tried_again_in_the_same_process(tmp_path, monkeypatch):
    job = tasks.Job(str(tmp_path / "out"), FakeConfig().maker, KINDS, 4, 8)
    (task,) = plan(sources(1))
    (place,) = pipeline.write_plan(Output(job.out), [task])
    results = iter([UserError("expected a store, found none"), {"clips": [], "dropped": []}])

    def do(job, task):
        if isinstance(result := next(results), UserError):
            raise result
        with tasks.WorkerState.of(job).pool.lend():
            return result

    monkeypatch.setattr(tasks, "do", do)
    remote = pipeline.DoTask(job, quiet=False)
    with pytest.raises(UserError, match="expected a store"):
        list(remote.process(place))
    assert tasks.WorkerState.of(job).pool.stopped is None
    assert list(remote.process(place)) == [{"clips": [], "dropped": []}]


def test_worker_processes_give_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    from playmate_jax.prepare.ledger import load_encoder

    substitute(monkeypatch.setattr, sources(9), encoder=load_encoder)
    assert prepare(tmp_path / "a") == 0
    words = "--runner DirectRunner -- --direct_running_mode=multi_processing --direct_num_workers=2"
    assert prepare(tmp_path / "b", *words.split()) == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize(
    "words, told",
    [
        ("mead --out x", "playmate prepare mead ROOT --out x"),
        ("drawn root --out x", "found a folder, which it does not take"),
        ("mafw root --out x --views front", "found --views, which it does not take"),
        ("mead root", "expected --out OUT"),
        ("maed root --out x", "did you mean 'mead'?"),
        ("folder nowhere --out x", "nowhere"),
        ("drawn --out x --set hour=3", "did you mean 'hours'?"),
        ("drawn --out x --workers 0", "expected a whole number from 1"),
        ("drawn --out x --hours 0.01 --identities 2 --runner flonk", "found 'flonk'"),
        ("drawn --out gs2://x/y --hours 0.01 --identities 2", "extra for it is installed"),
    ],
)
def test_bad_arguments_are_one_sentence(tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.chdir(tmp_path)
    assert run(["prepare", *words.split()]) == 2
    assert told in capsys.readouterr().err


def test_a_missing_extra_is_named(tmp_path, fakes, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "array_record", None)
    assert prepare(tmp_path / "out") == 2
    assert "pip install 'playmate-jax[prepare]'" in capsys.readouterr().err


def test_a_dry_run_tells_all_and_does_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = "prepare drawn --out x --identities 20 --hours 0.1 --set frames=5 --dry-run"
    assert run(words.split()) == 0
    told = capsys.readouterr().out
    assert "drawn: 60 sources, into x" in told and "train      54 sources of 18 speakers" in told
    assert "  frames=5\n" in told and "  speech.bands=24\n" in told
    assert not list(tmp_path.iterdir())


def test_progress_counts_from_where_an_earlier_run_stopped():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    bar = ProgressBar(Terminal(), unit="sources")
    bar("prepare", 90, 100, 90)
    bar._bar.start_t -= 10  # ten seconds ago
    bar._drawn = 0.0
    bar("prepare", 95, 100, 90, Progress("sources", 95, 100, 90, 7, 2, 1).note)
    line = bar.stream.getvalue().rpartition("\r")[2]
    assert "95/100 sources, 0.5 sources/s, 10 s left; 7 clips, 2 dropped (1 crashed" in line


def test_without_a_terminal_a_line_comes_now_and_then():
    bar = ProgressBar(io.StringIO(), often_s=60)
    for done in range(5):
        bar("prepare", done, 9)
        bar._drawn -= 25  # seconds
    assert bar.stream.getvalue().count("\n") == 1


def test_times_to_go_are_told_in_their_unit():
    times = {5: "5 s", 600: "10 min", 9000: "2.5 h", 400000: "4.6 days"}
    assert {seconds: span(seconds) for seconds in times} == times
