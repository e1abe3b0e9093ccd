"""Laws of moments that are measured in parts."""

import json
import random

import numpy as np
import pytest

from playmate_jax.motion.moments import Moments


@pytest.fixture
def parts():
    """Rows far from zero, in uneven parts: where sums of squares cancel."""
    rng = np.random.default_rng(0)
    return [1e6 + rng.standard_normal((n, 3)) * [1e-3, 1.0, 50.0] for n in (1, 70, 400, 5)]


def same(a: Moments, b: Moments) -> bool:
    return a.to_json() == b.to_json()


def test_merged_parts_are_the_whole(parts):
    merged, rows = Moments.merged(map(Moments.of, parts)), np.concatenate(parts)
    assert merged.count == len(rows)
    np.testing.assert_allclose(merged.mean, rows.mean(0), rtol=1e-15)
    # 1e6 in float64 is known to 1e-10: one part in 1e7 of a spread of 1e-3
    np.testing.assert_allclose(merged.std, rows.std(0), rtol=1e-6)
    np.testing.assert_array_equal(merged.low, rows.min(0))
    np.testing.assert_array_equal(merged.high, rows.max(0))


def test_joining_is_associative_up_to_rounding(parts):
    a, b, c, d = map(Moments.of, parts)
    left, right = a.merge(b).merge(c).merge(d), a.merge(b.merge(c.merge(d)))
    np.testing.assert_allclose(left.mean, right.mean, rtol=1e-15)
    np.testing.assert_allclose(left.m2, right.m2, rtol=1e-6)


def test_one_order_gives_one_result(parts):
    """Merged in one order they give the same bits, whichever process measured the parts."""
    measured = [Moments.of(part) for part in parts]
    late = {i: Moments.of(parts[i]) for i in random.Random(0).sample(range(4), 4)}
    assert same(Moments.merged(measured), Moments.merged(late[i] for i in range(4)))


def test_json_gives_back_the_same_bits(parts):
    moments = Moments.merged(map(Moments.of, parts))
    assert same(moments, Moments.from_json(json.loads(json.dumps(moments.to_json()))))


def test_nothing_cannot_be_measured():
    with pytest.raises(ValueError, match="at least one row"):
        Moments.of(np.zeros((0, 3)))
