"""Scores by clip: means of means, intervals, and parts in any order."""

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.metrics.clip_scores import ClipScores


def test_a_long_clip_counts_as_much_as_a_short_one():
    scores = ClipScores().update("long", np.full(90, 1.0)).update("short", np.array([3.0]))
    found = scores.compute()
    assert found.mean == 2.0 and found.clips == 2
    assert found.low == 1.0 and found.high == 3.0


def test_the_same_clips_in_any_order_and_in_parts_give_the_same_interval():
    rng = np.random.default_rng(0)
    clips = {f"clip {n}": rng.normal(n % 3, 1, 20) for n in range(30)}
    forward, backward = ClipScores(), ClipScores()
    for name, values in clips.items():
        forward = forward.update(name, values)
    for name, values in reversed(clips.items()):
        part = ClipScores().update(name, values[:7])
        backward = backward.merge(part.update(name, values[7:]))
    np.testing.assert_allclose(forward.compute(), backward.compute(), rtol=1e-12)


def test_the_interval_has_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(60):
        state = ClipScores({str(n): (value, 1) for n, value in enumerate(rng.normal(2, 1, 40))})
        low, high = state.compute()[1:3]
        held += low <= 2 <= high
    assert held >= 50  # of 60, 57 expected


def test_numbers_that_are_not_finite_say_nothing_and_no_score_is_told():
    scores = ClipScores().update("a", np.array([1.0, np.nan, np.inf])).update("b", np.array([]))
    assert scores.means() == {"a": 1.0}
    with pytest.raises(UserError, match="expected clips with scores, found none"):
        ClipScores().update("b", np.array([np.nan])).compute()


def test_the_worst_clip_comes_first():
    scores = ClipScores({"x": (1.0, 1), "y": (3.0, 1), "z": (2.0, 1)})
    assert [name for name, _ in scores.worst_first(lower_is_better=True)] == ["y", "z", "x"]
    assert [name for name, _ in scores.worst_first(lower_is_better=False)] == ["x", "z", "y"]
