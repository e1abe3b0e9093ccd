"""Batches made by worker processes: the same ones, and nothing is left behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import playmate_jax.data as d
from playmate_jax.data import Loading
from playmate_jax.data.shared_batches import SharedMemoryReader, SharedMemoryWriter

pytestmark = pytest.mark.usefixtures("only_loaders")
SHARED = Path("/dev/shm")
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="shared memory is not in /dev/shm")


def segments() -> set[str]:
    """Names of shared memory that Python made."""
    return {path.name for path in SHARED.glob("psm_*")}


@needs_shared
def test_workers_make_the_same_batches_and_leave_nothing(portrait_records):
    before = segments()
    with d.face_space(portrait_records, 8) as batches:
        whole = [next(batches) for _ in range(5)]
    with d.face_space(portrait_records, 8, loading=Loading(2)) as batches:
        found = [next(batches) for _ in range(3)]
        state = batches.get_state()
        assert segments() - before
    assert segments() == before and not multiprocessing.active_children()
    with d.face_space(portrait_records, 8, loading=Loading(1)) as batches:
        batches.set_state(state)
        found += [next(batches) for _ in range(2)]
    assert segments() == before and not multiprocessing.active_children()
    for one, other in zip(whole, found, strict=True):
        for name, array in one.items():
            np.testing.assert_array_equal(array, other[name], strict=True, err_msg=name)


PROGRAM = textwrap.dedent(
    """
    import signal
    import playmate_jax.data as d
    from tests.data.conftest import portrait

    if __name__ == "__main__":
        signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
        batches = d.face_space([portrait(n) for n in range(4)], 8, loading=d.Loading(1))
        while True:
            batch = next(batches)
            print("batch", flush=True)
    """
)


@needs_shared
@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, id="ctrl-c"),
        pytest.param(signal.SIGKILL, id="kill -9", marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_stopped_leaves_nothing(number, tmp_path):
    before, root = segments(), Path(__file__).resolve().parents[2]
    (tmp_path / "program.py").write_text(PROGRAM)
    run = subprocess.Popen(
        [sys.executable, str(tmp_path / "program.py")],
        env={**os.environ, "PYTHONPATH": f"{root}:{os.environ.get('PYTHONPATH', '')}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert run.stdout.readline() == b"batch\n", run.stderr.read().decode()
    if number == signal.SIGINT:
        os.killpg(run.pid, number)  # as a terminal does
    else:
        run.kill()
    run.stdout.close()
    said = run.stderr.read().decode()  # open as long as anyone of the run lives
    assert run.wait(30) != 0
    assert ("KeyboardInterrupt" in said) == (number == signal.SIGINT)
    assert "Exception ignored" not in said
    assert not alive(run.pid) and segments() <= before


def alive(group: int) -> bool:
    """Whether a process of the group is left, after some seconds of grace."""
    for _ in range(50):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.1)
    return True


def test_what_is_lent_is_copied_and_lent_again():
    examples = [{"a": np.full((2, 3), n, np.float32), "b": np.bool_(n % 2)} for n in range(4)]
    lender, receiver = SharedMemoryWriter(), SharedMemoryReader()
    first = lender.stacked(examples[:2])
    second = lender.stacked(examples[2:])
    batch = receiver.unpacked(first)
    third = lender.stacked(examples[1:3])
    np.testing.assert_array_equal(batch["a"][:, 0, 0], [0, 1])
    np.testing.assert_array_equal(batch["b"], [False, True])
    assert third.segment == first.segment != second.segment
    np.testing.assert_array_equal(receiver.unpacked(second)["a"][:, 1, 2], [2, 3])
    np.testing.assert_array_equal(receiver.unpacked(third)["a"][:, 1, 2], [1, 2])
    receiver.close()
