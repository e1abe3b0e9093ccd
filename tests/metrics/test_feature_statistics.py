"""Frechet's and the kernel's distance: values by hand, laws, and parts in any order."""

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.metrics import feature_statistics
from playmate_jax.metrics.feature_statistics import (
    FeatureMoments,
    frechet_distance,
    kernel_distance,
)


def normal(count: int, seed: int = 0, size: int = 6) -> np.ndarray:
    mixing = np.random.default_rng(9).standard_normal((size, size))
    return np.random.default_rng(seed).standard_normal((count, size)) @ mixing


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return frechet_distance(FeatureMoments.of(one), FeatureMoments.of(other))


def test_one_number_by_hand():
    # means 1 and 4, variances 4 and 9: (4 - 1)^2 + (3 - 2)^2
    one = 1 + np.array([[-2.0], [2.0], [-2.0], [2.0]]) * np.sqrt(3 / 4)
    other = 4 + np.array([[-3.0], [3.0], [-3.0], [3.0]]) * np.sqrt(3 / 4)
    assert distance(one, other) == pytest.approx(10.0)


def test_it_is_zero_for_the_same_set_symmetric_and_does_not_see_a_rotation():
    one, other = normal(200), 1.5 * normal(300, 1) + 0.2
    assert distance(one, one) == pytest.approx(0, abs=1e-9)
    assert distance(one, other) == pytest.approx(distance(other, one), rel=1e-9)
    turn, _ = np.linalg.qr(np.random.default_rng(3).standard_normal((6, 6)))
    assert distance(one @ turn, other @ turn) == pytest.approx(distance(one, other), rel=1e-9)


def test_it_is_the_trace_of_the_products_root_with_fewer_samples_than_numbers_too():
    for count in (40, 4):
        one, other = normal(count), normal(count, 1) + 1
        c1, c2 = (np.cov(x.T) for x in (one, other))
        roots = np.sqrt(np.maximum(np.linalg.eigvals(c1 @ c2).real, 0)).sum()
        wanted = np.square(one.mean(0) - other.mean(0)).sum() + np.trace(c1 + c2) - 2 * roots
        assert distance(one, other) == pytest.approx(wanted, rel=1e-6)


def test_parts_of_any_size_in_any_order_give_the_same_moments():
    features = (100 + normal(101)).astype(np.float32)
    whole = FeatureMoments.of(features)
    for cuts in ((1, 2, 50), (100,), (0, 0, 7)):
        parts = [FeatureMoments.of(part) for part in np.split(features, cuts)]
        state = FeatureMoments.empty(6)
        for part in parts[::-1]:
            state = state.merge(part)
        assert state.count == 101
        np.testing.assert_allclose(state.mean, whole.mean, rtol=1e-12)
        np.testing.assert_allclose(state.covariance(), whole.covariance(), rtol=1e-9, atol=1e-9)
        updated = FeatureMoments.empty(6).update(features[:40]).update(features[40:])
        np.testing.assert_allclose(updated.covariance(), whole.covariance(), rtol=1e-9, atol=1e-9)


def test_one_image_has_no_spread():
    with pytest.raises(UserError, match="expected two images or clips or more"):
        distance(normal(1), normal(5))


def test_the_kernels_distance_by_hand_and_its_laws(monkeypatch):
    # d = 1: k(0, 0) = 1, k(1, 1) = 8, k(0, 1) = 1; every subset is the whole set
    mean, spread = kernel_distance(np.zeros((2, 1)), np.ones((2, 1)))
    assert (mean, spread) == (1 + 8 - 2 * 1, 0)
    monkeypatch.setattr(feature_statistics, "KERNEL_SIZE", 100)
    one, other = 0.3 * normal(300), 0.3 * normal(200, 1)
    same, _ = kernel_distance(one, other)
    far, spread = kernel_distance(one, other + 1)
    assert abs(same) < 0.1 * far and spread > 0
    assert kernel_distance(one, other) == kernel_distance(one, other)  # the subsets are the seed's
    assert kernel_distance(one, other, seed=1) != kernel_distance(one, other)


def test_blur_of_a_distribution_and_lost_modes_raise_it():
    true, again = normal(3000), normal(3000, 1)
    least = distance(true, again)
    assert distance(true, 0.7 * again) > 10 * least
    modes = np.where(np.arange(3000)[:, None] % 2, 5.0, -5.0)
    assert distance(true + modes, again + np.abs(modes)) > 100 * least


def test_sets_of_one_subset_are_compared_once(monkeypatch):
    one, other = normal(40), normal(40, 1)
    whole = kernel_distance(one, other)
    assert whole[1] == 0
    assert kernel_distance(one[::-1], other) == pytest.approx(whole, rel=1e-9)  # order is nothing
    larger = kernel_distance(one, normal(60, 1))  # subsets of 40 of 60 differ
    assert larger[1] > 0
