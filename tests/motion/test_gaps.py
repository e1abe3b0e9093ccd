"""Gaps are held and eased; what is seen everywhere is left alone."""

import numpy as np
import pytest

from playmate_jax.motion.gaps import held_and_eased, spans, strength

NO_CUTS = np.zeros(30, bool)


def _seen(*gaps: tuple[int, int]) -> np.ndarray:
    seen = np.ones(30, bool)
    for start, stop in gaps:
        seen[start:stop] = False
    return seen


def _filled(values: np.ndarray, seen: np.ndarray, cuts: np.ndarray = NO_CUTS) -> np.ndarray:
    return held_and_eased(values[seen, None].astype(np.float32), seen, cuts, 6)[:, 0]


def test_motion_without_gaps_and_cuts_is_the_same_numbers():
    values = np.random.default_rng(0).normal(size=(30, 70)).astype(np.float32)
    np.testing.assert_array_equal(held_and_eased(values, _seen(), NO_CUTS, 6), values)
    assert (strength(_seen(), NO_CUTS, 5) == 1).all()


def test_a_long_gap_is_held_then_eased():
    found = _filled(np.where(np.arange(30) < 15, 1.0, 3.0), _seen((10, 20)))
    np.testing.assert_array_equal(found[:14], 1)
    np.testing.assert_array_equal(found[20:], 3)
    assert (np.diff(found[13:21]) > 0).all() and np.diff(found).max() < 0.5  # of a step of 2


def test_a_short_gap_is_eased_over_its_whole_length():
    found = _filled(np.where(np.arange(30) < 11, 1.0, 2.0), _seen((10, 12)))
    assert found[9] == 1 and found[12] == 2
    assert found[10] == pytest.approx(1.25) and found[11] == pytest.approx(1.75)


def test_beginning_and_end_hold_the_nearest_motion():
    values = np.arange(30.0)
    found = _filled(values, _seen((0, 5), (26, 30)))
    np.testing.assert_array_equal(found[:6], 5)
    np.testing.assert_array_equal(found[25:], 25)


def test_a_jump_at_a_cut_is_faded_out_and_what_follows_is_its_own():
    cuts = NO_CUTS.copy()
    cuts[[0, 12]] = True
    values = np.where(np.arange(30) < 12, 0.0, 1.0)
    found = _filled(values, _seen(), cuts)
    assert found[12] == 0 and np.abs(np.diff(found)).max() < 0.3
    np.testing.assert_array_equal(found[18:], 1)


def test_two_cuts_in_a_row_leave_no_jump():
    cuts = NO_CUTS.copy()
    cuts[[10, 13]] = True
    values = np.concatenate([np.zeros(10), np.ones(3), -np.ones(17)])
    found = _filled(values, _seen(), cuts)
    assert np.abs(np.diff(found)).max() < 0.6
    np.testing.assert_array_equal(found[20:], -1)


def test_another_motion_fades_towards_a_gap_but_not_towards_a_cut():
    found = strength(_seen((10, 15)), NO_CUTS, 3)
    np.testing.assert_array_equal(found[10:15], 0)
    assert (np.diff(found[6:11]) < 0).all() and (np.diff(found[14:19]) > 0).all()
    assert found[6] == 1 and found[18] == 1
    cuts = NO_CUTS.copy()
    cuts[[10, 15]] = True
    np.testing.assert_array_equal(strength(_seen((10, 15)), cuts, 3), _seen((10, 15)))


def test_spans_are_the_runs():
    assert spans(np.array([1, 1, 0, 0, 1], bool)) == [(0, 2), (4, 5)]
    assert spans(np.zeros(4, bool)) == []
