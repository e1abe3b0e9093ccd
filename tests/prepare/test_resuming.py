"""Whatever happens to a run, the next one goes on, and the result is that of a quiet one."""

import errno
import os
import random
import signal
import time

import pytest

pytest.importorskip("apache_beam")
pytest.importorskip("tensorflow_datasets")

from playmate_jax.prepare.output import Output
from playmate_jax.prepare.stores import Disk
from tests.prepare.fake_makers import WAIT, FakeConfig, sources
from tests.prepare.preparing import KINDS, contents, prepare, started, substitute


@pytest.fixture(autouse=True)
def fakes(monkeypatch):
    substitute(monkeypatch.setattr)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    """What an uninterrupted run leaves behind."""
    out = tmp_path_factory.mktemp("quiet") / "out é"
    with pytest.MonkeyPatch.context() as patch:
        substitute(patch.setattr)
        assert prepare(out) == 0
    return contents(out)


def finished(out) -> dict[str, tuple[int, int]]:
    """Shards whose summary is there: which file, and when it was written."""
    names = [name[:-5] for name in Output(str(out)).names(".prepare") if "-of-" in name]
    found = {}
    for kind in KINDS:
        for name in names:
            split, _, numbers = name.partition("-")
            path = out / kind / "1.0.0" / f"{kind}-{split}.array_record-{numbers}"
            found[path.name] = path.stat().st_ino, path.stat().st_mtime_ns
    return found


def wait_for_more(out, process, than: int = 0) -> None:
    """Returns when more shards are finished."""
    while len(finished(out)) <= than:
        assert process.is_alive()
        time.sleep(0.01)


def test_killed_again_and_again_it_ends_in_the_same_bytes(tmp_path, quiet, monkeypatch, capsys):
    out, chance, kept = tmp_path / "out", random.Random(3), {}
    with monkeypatch.context() as slow:
        slow.setenv(WAIT, "0.03")
        for attempt, workers in enumerate((2, 1, 2)):
            process = started(out, workers)
            wait_for_more(out, process, len(kept))
            time.sleep(chance.random() * 0.2)
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            now = finished(out)
            assert now.items() >= kept.items(), f"run {attempt} did finished shards again"
            kept = now
            assert not (out / "clips.jsonl").exists()
    assert prepare(out, workers=3) == 0  # a killed run left no lock behind
    assert contents(out) == quiet
    shards = {path.name: path for path in out.rglob("*array_record*")}
    assert {n: (shards[n].stat().st_ino, shards[n].stat().st_mtime_ns) for n in kept} == kept
    assert "46/46" not in capsys.readouterr().err  # it counts sources, not their clips


@pytest.mark.parametrize("stop, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_ends_at_once_and_leaves_nothing_half_written(
    tmp_path, monkeypatch, stop, code
):
    out = tmp_path / "out"
    monkeypatch.setenv(WAIT, "0.1")
    process = started(out)
    wait_for_more(out, process)
    began = time.monotonic()
    os.kill(process.pid, stop)
    process.join(20)
    assert process.exitcode == code and time.monotonic() - began < 5
    assert not list((out / ".prepare").glob("part-*")) and not list(out.rglob("*.part"))


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_afterwards(
    tmp_path, quiet, monkeypatch, capsys
):
    out, put, room = tmp_path / "out", Disk.put, iter(range(9))

    def full(self, file, path):
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        put(self, file, path)

    with monkeypatch.context() as patch:
        patch.setattr(Disk, "put", full)
        assert prepare(out, "--quiet", workers=2) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1, told
    assert "found the disk full: free some; the same command goes on" in told
    assert finished(out) and not list(out.rglob("part-*"))
    assert prepare(out) == 0
    assert contents(out) == quiet


def test_a_complete_folder_is_left_alone(tmp_path, quiet, capsys):
    out = tmp_path / "out"
    for name, data in quiet.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(data)
    written = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert prepare(out) == 0
    assert "was complete already; nothing was done\nkept 43 clips" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == written


def test_a_broken_shard_is_made_again(tmp_path, quiet, monkeypatch):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:  # all but the end
        patch.setattr("playmate_jax.prepare.tasks.finish", lambda job, summaries: None)
        patch.setattr(Output, "clear_work", lambda self: None)
        assert prepare(out) == 2  # nothing is kept, as it seems
    (first, *_) = sorted((out / "talking_clips/1.0.0").glob("*train*"))
    first.write_bytes(first.read_bytes()[:-1])
    assert prepare(out) == 0
    assert contents(out) == quiet


def test_two_runs_at_once_are_refused(tmp_path, capsys):
    out = tmp_path / "out"
    with Output(str(out)).lock():
        assert prepare(out) == 2
    assert "another 'playmate prepare' at work" in capsys.readouterr().err


def test_other_settings_are_refused_with_the_differences(tmp_path, quiet, monkeypatch, capsys):
    out = tmp_path / "out"
    (out / "talking_clips").mkdir(parents=True)
    (out / "prepare.json").write_bytes(quiet["prepare.json"].replace(b'"numpy": "', b'"numpy": "0'))
    assert prepare(out, "--shards", "3") == 2
    told = capsys.readouterr().err
    assert "found it made with others" in told and "~ shards.train: 6 -> 3" in told
    assert "~ versions.numpy: 02" in told and "sources" not in told
    assert contents(out).keys() == {"prepare.json"}


def test_settings_that_made_nothing_may_be_corrected(tmp_path, quiet, monkeypatch, capsys):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        substitute(patch.setattr, config=FakeConfig(broken="settings"))
        assert prepare(out) == 2
    assert "expected weights" in capsys.readouterr().err
    assert prepare(out) == 0
    assert contents(out) == quiet


def test_killed_while_clearing_what_kept_nothing(tmp_path, quiet, monkeypatch):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        substitute(patch.setattr, sources(0, "short.mp4"))
        remove = Disk.remove

        def killed(self, path):
            if path.endswith("portrait_pairs"):
                raise KeyboardInterrupt
            remove(self, path)

        patch.setattr(Disk, "remove", killed)
        assert prepare(out) != 0
        patch.setattr(Disk, "remove", remove)
        assert prepare(out) == 2
    assert contents(out).keys() == {"dropped.jsonl"}


def test_a_folder_of_something_else_is_refused(tmp_path, capsys):
    (tmp_path / "holiday.mp4").touch()
    assert prepare(tmp_path) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.mp4"]  # as it was
    assert "expected a new or empty folder, found" in capsys.readouterr().err
    assert prepare(tmp_path / "holiday.mp4" / "out") == 2
    assert "Not a directory" in capsys.readouterr().err
