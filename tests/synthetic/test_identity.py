"""People: thousands of them, no two alike, each always the same."""

import numpy as np

from playmate_jax.synthetic.identity import RANGES, sample_identity

PEOPLE = 2000


def test_of_thousands_of_people_no_two_are_alike():
    shapes = np.array([sample_identity(11, k).shape for k in range(PEOPLE)])
    units = (shapes - shapes.mean(0)) / shapes.std(0)
    square = (units**2).sum(1)
    apart = np.sqrt(np.maximum(square[:, None] + square - 2 * units @ units.T, 0))
    typical = np.median(apart)
    np.fill_diagonal(apart, np.inf)
    # 57 numbers that vary on their own: the nearest two of 2000 differ by over half of what any
    # two do (measured 0.57 among 1500); copies would differ by 0
    assert apart.min() > 0.45 * typical


def test_every_proportion_uses_its_range():
    people = [sample_identity(11, k).shape for k in range(300)]
    for name, (low, high) in RANGES.items():
        values = np.array([getattr(person, name) for person in people])
        assert np.ptp(values) > 0.9 * (high - low), name


def test_a_person_follows_from_seed_and_index_alone():
    first = sample_identity(11, 7)
    sample_identity(11, 8)
    sample_identity.cache_clear()
    assert sample_identity(11, 7).shape == first.shape
    assert sample_identity(12, 7).shape != first.shape != sample_identity(11, 8).shape
