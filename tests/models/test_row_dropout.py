"""Dropout by row: laws of the masks. Bounds are five standard deviations of a fair draw."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.models.row_dropout import kept, row_dropout, split_seeds

SEEDS = jnp.array([3, 4, 2**32 - 1], jnp.uint32)
SHAPE = (3, 110, 64)
N = 3 * 110 * 64


def agreement(a, b):
    """The correlation of two masks; its standard deviation is n ** -0.5 where they are
    independent."""
    return np.corrcoef(np.ravel(a).astype(float), np.ravel(b).astype(float))[0, 1]


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_the_rate_is_kept_and_the_mean_stays(rate):
    x = jnp.ones(SHAPE)
    dropped = np.asarray(row_dropout(x, rate, SEEDS))
    slack = 5 * (rate * (1 - rate) / N) ** 0.5
    assert abs((dropped == 0).mean() - rate) < slack
    np.testing.assert_allclose(dropped[dropped != 0], 1 / (1 - rate), rtol=1e-6)
    assert abs(dropped.mean() - 1) < slack / (1 - rate)


def test_without_seeds_or_rate_nothing_happens():
    x = jnp.ones(SHAPE)
    assert row_dropout(x, 0.1, None) is x and row_dropout(x, 0.0, SEEDS) is x


def test_a_rows_mask_does_not_depend_on_the_other_rows():
    whole = kept(SHAPE, 0.1, SEEDS)
    for i in range(3):
        np.testing.assert_array_equal(whole[i : i + 1], kept((1, 110, 64), 0.1, SEEDS[i : i + 1]))


def test_rows_layers_and_places_are_independent():
    layers = split_seeds(SEEDS, 8)
    places = jnp.concatenate([split_seeds(seeds, 7) for seeds in layers]).reshape(-1)
    assert len(set(places.tolist())) == 8 * 7 * 3
    masks = np.asarray(kept((len(places), 32, 32), 0.5, places)).reshape(len(places), -1)
    correlations = np.corrcoef(masks.astype(float))[np.triu_indices(len(places), 1)]
    # of 14,028 pairs the largest of a fair draw is near 4.0 standard deviations
    assert np.abs(correlations).max() < 6 * 1024**-0.5
    assert abs(correlations.std() * 32 - 1) < 0.05


def test_neighbours_in_time_and_on_features_are_independent():
    mask = np.asarray(kept(SHAPE, 0.1, SEEDS))
    for a, b in (
        (mask[:, 1:], mask[:, :-1]),
        (mask[..., 1:], mask[..., :-1]),
        (mask[..., 32:], mask[..., :32]),
        (mask[0], mask[1]),
    ):
        assert abs(agreement(a, b)) < 5 * a.size**-0.5


def test_every_element_is_dropped_as_often():
    seeds = jnp.arange(4000, dtype=jnp.uint32)  # even where seeds are small and consecutive
    rates = 1 - np.asarray(kept((4000, 5, 8), 0.1, seeds)).mean(0)
    assert np.abs(rates - 0.1).max() < 5 * (0.1 * 0.9 / 4000) ** 0.5


def test_the_gradient_is_dropped_where_the_value_was():
    x = jax.random.normal(jax.random.key(0), SHAPE)
    gradient = jax.grad(lambda x: row_dropout(x, 0.1, SEEDS).sum())(x)
    np.testing.assert_array_equal(gradient * x, row_dropout(x, 0.1, SEEDS))


def test_bfloat16_keeps_its_type_and_its_mask():
    x = jnp.ones(SHAPE, jnp.bfloat16)
    dropped = row_dropout(x, 0.1, SEEDS)
    assert dropped.dtype == jnp.bfloat16
    np.testing.assert_array_equal(dropped != 0, kept(SHAPE, 0.1, SEEDS))
