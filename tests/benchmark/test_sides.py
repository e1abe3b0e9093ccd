"""Sides take strict turns in both orders, and times are of the work alone."""

import time

import pytest

from playmate_jax.benchmark.sides import Side, alternate, median, ratios


def recorded(names, calls):
    return [Side(name, "", lambda name=name: calls.append(name)) for name in names]


def test_sides_take_strict_turns_in_both_orders():
    calls = []
    times = alternate(recorded("AB", calls), rounds=3, turn_s=0.0)
    assert "".join(calls[2:]) == "ABABAB" + "BABABA"  # after one call each, to see how long it is
    assert {name: [len(order) for order in found] for name, found in times.items()} == {
        "A": [3, 3], "B": [3, 3],
    }  # fmt: skip


def test_three_sides_take_turns_too():
    calls = []
    lines = []
    alternate(recorded("ABC", calls), rounds=2, turn_s=0.0, say=lines.append)
    assert "".join(calls[3:]) == "ABCABC" + "CBACBA"
    assert len(lines) == 4 and lines[-1].startswith("round 2 of 2: C ")


def test_a_turn_lasts_long_enough_to_be_timed():
    """Calls of 1 ms are repeated until a turn takes 20 ms, and a time is that of one call."""
    side = Side("A", "", lambda: time.sleep(0.001))
    ((first, *_), _) = alternate([side], rounds=1, turn_s=0.02)["A"]
    assert 0.001 <= first < 0.01


def test_the_devices_work_counts():
    """A call that returns at once has not done its work: the wait is in the time."""
    side = Side("A", "", lambda: None, wait=lambda: time.sleep(0.01))
    times = alternate([side], rounds=1, turn_s=0.0)["A"]
    assert all(order[0] >= 0.01 for order in times)


def test_ratios_are_of_medians_by_order_and_of_all():
    times = {"ours": [[1.0, 1.0, 9.0], [2.0, 2.0, 2.0]], "theirs": [[3.0] * 3, [2.0] * 3]}
    assert ratios(times, "ours")["theirs"] == [3.0, 1.0, pytest.approx(2.5 / 2.0)]
    assert ratios(times, "ours")["ours"] == [1.0, 1.0, 1.0]
    assert median([[1.0, 2.0], [3.0]]) == 2.0
