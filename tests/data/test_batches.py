"""Laws of the stream of batches: one number is the position, anyone who makes them."""

import json
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import playmate_jax.data as d
from playmate_jax.data import Loading
from playmate_jax.errors import UserError
from tests.data.conftest import portrait, talking

PIPELINES = {"stage1": d.stage1, "stage2": d.stage2, "face_space": partial(d.face_space, pairs=1)}


@pytest.fixture(params=PIPELINES)
def pipeline(request, talking_records, portrait_records):
    """batches(batch_size, ...) of each pipeline."""
    records = portrait_records if request.param == "face_space" else talking_records
    return lambda size=8, **more: PIPELINES[request.param](records, size, **more)


def drawn(batches, count):
    with batches:
        return [next(batches) for _ in range(count)]


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], strict=True, err_msg=name)


def differ(one, other):
    return any(not np.array_equal(array, other[name]) for name, array in one.items())


def test_the_seed_decides(pipeline):
    once, again = drawn(pipeline(seed=3), 2), drawn(pipeline(seed=3), 2)
    for one, other in zip(once, again, strict=True):
        assert_same(one, other)
    assert differ(once[0], once[1]) and differ(once[0], drawn(pipeline(seed=4), 1)[0])


@pytest.mark.parametrize("count", [2, 4])
def test_processes_share_the_batch_that_one_would_see(pipeline, count):
    whole = drawn(pipeline(16), 3)
    shares = [drawn(pipeline(16, loading=Loading(0, p, count)), 3) for p in range(count)]
    for n, batch in enumerate(whole):
        together = {name: np.concatenate([s[n][name] for s in shares]) for name in batch}
        assert_same(batch, together)


def test_resuming_equals_going_on_also_on_another_number_of_hosts(pipeline):
    whole = drawn(pipeline(16), 5)
    with pipeline(16, loading=Loading(0, 1, 2)) as batches:
        for _ in range(3):
            next(batches)
        state = json.loads(json.dumps(batches.get_state()))
    with pipeline(16) as resumed:
        resumed.set_state(state)
        assert resumed.get_state() == state
        for n in (3, 4):
            assert_same(whole[n], next(resumed))


def test_going_back_to_a_position_repeats_it(pipeline):
    with pipeline() as batches:
        first, state = next(batches), batches.get_state()
        second = next(batches)
        batches.set_state(state)
        assert_same(second, next(batches))
        assert_same(first, next(batches.start_at(0)))


def test_a_position_in_other_batches_is_refused(talking_records):
    state = d.stage1(talking_records, 8, seed=1).get_state()
    for other, said in (
        (d.stage1(talking_records, 8, seed=2), "seed 1 .now 2."),
        (d.stage1(talking_records, 4, seed=1), "batch_size 8 .now 4."),
        (d.stage1(talking_records[1:], 8, seed=1), "data "),
        (d.stage1(talking_records, 8, seed=1, windows=d.Windows(first=0.5)), "windows "),
        (d.stage2(talking_records, 8, seed=1), "windows "),
    ):
        with pytest.raises(UserError, match=f"found a difference: .*{said}"):
            other.set_state(state)


def test_a_batch_that_hosts_cannot_share_is_told(talking_records):
    with pytest.raises(UserError, match="3 processes can share"):
        d.stage1(talking_records, 8, loading=Loading(0, 0, 3))
    with pytest.raises(UserError, match="found -8"):
        d.stage1(talking_records, -8)


def test_memory_stays_flat(talking_records):
    """200 batches of 0.6 MB: keeping one in ten would show."""
    with d.stage1(talking_records, 8, windows=d.Windows(audio=True)) as batches:
        for _ in range(40):
            next(batches)
        before = resident_bytes()
        for _ in range(200):
            next(batches)
        assert resident_bytes() - before < 12e6


def resident_bytes() -> int:
    """Of this process."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("no /proc")
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


@pytest.mark.parametrize("make", [lambda: [talking(0, 60)], lambda: [portrait(0), portrait(1)]])
def test_the_smallest_sets_will_do(make):
    records = make()
    batches = (d.stage1 if "audio" in records[0] else d.face_space)(records, 8)
    assert all(len(array) == 8 for array in drawn(batches, 2)[1].values())


def test_an_empty_set_is_told():
    with pytest.raises(UserError, match="found none"):
        d.stage1([], 4)
