"""A source may crash, hang or fail: it is given up with its reason, and no other one notices."""

import dataclasses
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from playmate_jax.data.records import Dropped
from playmate_jax.errors import UserError
from playmate_jax.prepare.probe import source_length_s
from playmate_jax.prepare.worker import Limits
from playmate_jax.prepare.worker_pool import Stopped, WorkerPool
from tests.prepare.fake_makers import FakeConfig, names_alone, sources

QUICK = Limits(start_s=60, source_s=3, second_s=0)
spawn = multiprocessing.get_context("spawn")


def made(lent, *found) -> list:
    return [item if isinstance(item, str) else item.reason for s in found for item in lent(s)]


@pytest.fixture
def pool():
    found = WorkerPool(FakeConfig().maker, names_alone, 1, QUICK)
    yield found
    found.stop()


def test_a_crash_a_hang_and_a_defect_are_given_up_and_the_rest_is_made(pool, tmp_path):
    once = str(tmp_path / "once.mp4")
    listed = sources(1, "crash.mp4", "hang.mp4", "defect.mp4", "short.mp4", once)
    with pool.lend() as make:
        found = [list(make(source)) for source in listed]
    good, crash, hang, defect, short, twice = found
    assert good == ["fake-0000-000", "fake-0000-001"]
    assert crash[0] == "fake-0001-000" and len(crash) == 2  # what came before the crash stays
    assert crash[1].stage == "isolation" and crash[1].reason.endswith("signal SIGSEGV")
    assert hang[1].stage == "isolation" and "come to an end" in hang[1].reason
    # an address in memory would differ from run to run
    assert (defect[1].stage, defect[1].reason) == (
        "error", "ZeroDivisionError: of <object object at 0x...>"
    )  # fmt: skip
    assert [dropped.stage for dropped in short] == ["quality", "quality"]
    assert twice == ["fake-0005-000", "fake-0005-001"]  # killed by no fault of its own


def test_a_worker_is_kept_for_the_next_source(pool):
    (who,) = sources(0, "who.mp4")
    with pool.lend() as make:
        before = made(make, who)[-1]
    with pool.lend() as make:
        assert made(make, who)[-1] == before != f"LookupError: {os.getpid()}"


def test_bad_settings_and_a_full_disk_are_no_fault_of_the_source(pool):
    bad = WorkerPool(FakeConfig(broken="settings").maker, names_alone, 1, QUICK)
    with pytest.raises(UserError, match="expected weights"), bad.lend() as make:
        made(make, *sources(1))
    (full,) = sources(0, "full.mp4")
    with pytest.raises(UserError, match="found the disk full"), pool.lend() as make:
        made(make, full)


def test_a_worker_that_cannot_start_is_told_in_one_sentence():
    bad = WorkerPool(FakeConfig(broken="start").maker, names_alone, 1, QUICK)
    with pytest.raises(UserError, match="does not start: .*SIGSEGV"), bad.lend() as make:
        made(make, *sources(1))


def test_stopping_ends_a_worker_amid_a_source(pool):
    (hang,) = sources(0, "hang.mp4")
    with pytest.raises(Stopped), pool.lend() as make:
        for item in make(hang):
            assert item == "fake-0000-000"
            began = time.monotonic()
            pool.stop()
    assert time.monotonic() - began < 2  # not the limit of 3 s


def report_worker(pipe) -> None:
    """Tells the process of a worker that hangs, and waits for its own end."""
    config = FakeConfig()
    with WorkerPool(config.maker, names_alone, 1, Limits()).lend() as make:
        who, hang = sources(0, "who.mp4", "hang.mp4")
        (_, found) = make(who)
        pipe.send(int(found.reason.split()[-1]))
        list(make(hang))


def test_a_worker_does_not_outlive_a_killed_parent():
    here, there = multiprocessing.Pipe()
    parent = spawn.Process(target=report_worker, args=[there])
    parent.start()
    assert here.poll(60)
    worker = here.recv()
    os.kill(parent.pid, signal.SIGKILL)
    parent.join()
    for _ in range(100):
        if not is_running(worker):
            return
        time.sleep(0.05)
    raise AssertionError("the worker is still there")


def is_running(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_hostile_duration_is_not_believed(tmp_path):
    import numpy as np

    from playmate_jax.media import write_wav  # 1 s of 16 kHz, int16: 32 kB

    write_wav(tmp_path / "a.wav", np.zeros(16000, np.float32), 16000)
    (source,) = sources(0, str(tmp_path / "a.wav"))
    assert source_length_s(source) == pytest.approx(1.0)
    told = bytearray((tmp_path / "a.wav").read_bytes())
    at = told.index(b"data") + 4
    told[at : at + 4] = b"\xff\xff\xff\x7f"  # 2 GB of sound: 18 hours
    (tmp_path / "a.wav").write_bytes(told)
    assert source_length_s(source) <= len(told) / 1000
    span = dataclasses.replace(source, start_s=10.0, end_s=1e6)  # "to the end", in a table
    assert 0 < source_length_s(span) < 2 * len(told) / 1000


def test_what_lies_before_a_span_may_have_to_be_decoded(tmp_path):
    (tmp_path / "long.avi").write_bytes(bytes(8_000_000))  # of 8000 s at most
    (source,) = sources(0, str(tmp_path / "long.avi"))
    first = source_length_s(dataclasses.replace(source, start_s=0.0, end_s=10.0))
    last = source_length_s(dataclasses.replace(source, start_s=7200.0, end_s=7210.0))
    assert first == 10 < 100 < last < 7200


def test_after_a_stop_nothing_is_lent_that_would_have_to_be_cleared_up():
    stopped = WorkerPool(FakeConfig().maker, names_alone, 1, QUICK)
    stopped.stop()
    with pytest.raises(Stopped), stopped.lend():
        pytest.fail("it was lent")


def test_a_source_as_long_as_a_month_is_made_as_any_other():
    # as labels.csv may tell; the system waits for no more than 24 days
    (month,) = (dataclasses.replace(s, path="", end_s=1e6) for s in sources(1))
    patient = WorkerPool(FakeConfig().maker, names_alone, 1, Limits(60, 3, second_s=30))
    try:
        with patient.lend() as make:
            assert made(make, month) == ["fake-0000-000", "fake-0000-001"]
    finally:
        patient.stop()


def test_dropped_travels_whole(pool):
    (short,) = sources(0, "short.mp4")
    with pool.lend() as make:
        assert next(iter(make(short))) == Dropped(
            "fake-0000-000", "short.mp4", "quality", "shorter than 3 s", {"seconds": 1.5}
        )


def test_a_worker_starts_without_what_only_the_pipeline_needs():
    """Beam and TFDS take seconds to import; the models' own packages come with the models."""
    code = (
        "import sys, playmate_jax.prepare.worker, playmate_jax.prepare.ledger; "
        "print([m for m in ('apache_beam', 'tensorflow_datasets', 'librosa', 'jax') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stdout + done.stderr
