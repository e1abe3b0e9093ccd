"""Overlapping stages give what plain iterators give, and end when their consumer does."""

import itertools
import os
import signal
import threading
import time

import pytest

from playmate_jax.inference import ahead as module
from playmate_jax.inference.ahead import ahead, in_turns

WAIT_S = 20.0  # of a test that would hang


def until(condition):
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.001)


@pytest.mark.parametrize("depth", [1, 3])
def test_items_come_in_order_and_a_bounded_number_ahead(depth):
    made = []

    def items():
        for n in range(20):
            made.append(n)
            yield n

    with ahead(items(), depth) as found:
        for taken, item in enumerate(found, 1):
            assert item == taken - 1
            until(lambda: len(made) == min(20, taken + depth))  # noqa: B023
            time.sleep(0.002)  # a thread that goes on would be seen
            assert len(made) == min(20, taken + depth)
    assert taken == 20


def test_stages_work_at_the_same_time():
    """Each waits for the other: in turns neither would come to its end."""
    asked, given = threading.Event(), threading.Event()

    def items():
        yield 0
        assert asked.wait(WAIT_S)
        given.set()
        yield 1

    with ahead(items(), 1) as found:
        assert next(found) == 0
        asked.set()
        assert given.wait(WAIT_S)
        assert list(found) == [1]


def test_an_error_comes_where_its_item_would():
    def items():
        yield from (1, 2)
        raise ValueError("of the third")

    with ahead(items(), 8) as found:
        assert [next(found), next(found)] == [1, 2]
        with pytest.raises(ValueError, match="of the third"):
            next(found)
        assert list(found) == []


def test_leaving_early_ends_every_stage_and_closes_what_it_read():
    closed = []

    def numbers():
        try:
            yield from itertools.count()
        finally:
            closed.append(threading.current_thread())

    def doubled():
        with ahead(numbers(), 2) as found:
            yield from (2 * n for n in found)

    before = threading.active_count()
    with ahead(doubled(), 2) as found:
        assert list(itertools.islice(found, 3)) == [0, 2, 4]
        inside = threading.active_count()
    until(lambda: threading.active_count() == before)
    assert inside == before + 2
    assert len(closed) == 1 and closed[0] is not threading.main_thread()


def test_ctrl_c_reaches_whoever_waits_for_a_stage():
    def items():
        os.kill(os.getpid(), signal.SIGINT)  # Python interrupts the main thread alone
        yield threading.Event().wait(0.3)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), ahead(items(), 1) as found:
            list(found)
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_item_that_takes_long_does_not_hold_back_the_end(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    release = threading.Event()
    began = time.monotonic()
    with ahead(iter(release.wait, True), 1):
        pass
    assert time.monotonic() - began < 5
    release.set()


def test_in_turns_there_is_one_thread_also_within_stages():
    threads = set()

    def items():
        with ahead(range(3), 1) as found:
            for item in found:
                threads.add(threading.current_thread())
                yield item

    with in_turns(), ahead(items(), 1) as found:
        assert list(found) == [0, 1, 2]
    with ahead(items(), 1, when=False) as found:
        assert list(found) == [0, 1, 2]
    assert threads == {threading.current_thread()}
    with ahead(items(), 1) as found:
        assert list(found) == [0, 1, 2]
    assert len(threads) == 2
