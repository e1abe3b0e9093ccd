"""Facial units: readable from delta, within their ranges, and meaning what they say."""

import numpy as np

from playmate_jax.synthetic.expression import (
    BASIS,
    HIGH,
    LOW,
    UNIT,
    UNITS,
    lid_closure,
    mouth_openness,
    sample_expression,
    units_from_expression,
)


def _units(**values):
    units = np.zeros(len(UNITS), np.float32)
    for name, value in values.items():
        units[UNIT[name]] = value
    return units


def test_units_are_readable_from_delta():
    units = sample_expression(np.random.default_rng(0), 200)
    # float32 products of a basis whose condition is about 15
    np.testing.assert_allclose(units_from_expression(units @ BASIS), units, atol=1e-5)


def test_basis_is_well_conditioned():
    singular = np.linalg.svd(BASIS, compute_uv=False)
    assert BASIS.shape == (18, 63)
    assert singular[0] / singular[-1] < 20


def test_a_unit_is_read_within_a_tenth_under_noise_of_a_third_of_a_pixel():
    # 0.004 head units are 0.2 pixels at 128 px and scale 0.72
    units = sample_expression(np.random.default_rng(1), 500)
    noise = np.random.default_rng(2).normal(0, 0.004, (500, 63)).astype(np.float32)
    error = units_from_expression(units @ BASIS + noise) - units
    assert np.sqrt((error**2).mean(0)).max() < 0.12


def test_samples_lie_in_range_and_use_it():
    units = sample_expression(np.random.default_rng(3), 3000)
    assert (units >= LOW).all() and (units <= HIGH).all()
    assert (units.max(0) > 0.9).all()
    assert (units.min(0)[LOW < -0.5] < -0.9).all()


def test_strength_zero_is_rest():
    assert not sample_expression(np.random.default_rng(4), 10, strength=0.0).any()


def test_close_shuts_whatever_the_jaw_opens():
    assert mouth_openness(_units(jaw=1.0)) == 1
    assert mouth_openness(_units(jaw=0.7, lip_lo=1.0, close=1.0)) == 0


def test_opening_grows_with_the_jaw_and_lids_with_their_unit():
    jaw = np.stack([_units(jaw=v) for v in np.linspace(0, 1, 9)])
    assert (np.diff(mouth_openness(jaw)) > 0).all()
    lids = lid_closure(np.stack([_units(lid_l=v, lid_r=-0.3) for v in (-0.3, 0.0, 0.5, 1.0)]))
    np.testing.assert_allclose(lids, [[0, 0], [0, 0], [0.5, 0], [1, 0]])
