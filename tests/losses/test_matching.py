"""The losses that tell which speech belongs to which lips, by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.losses.matching import SHARPNESS, classification, matched, matching

FAR = 10.0 * jnp.eye(5)[None]  # five embeddings that are far apart


def test_what_belongs_together_costs_little_and_ignorance_log_n():
    """Others are at squared distance 200, 5/4 of the mean: e^-12.5 of the right one each."""
    expected = np.log1p(4 * np.exp(-SHARPNESS * 5 / 4))
    assert matching(FAR, FAR).value() == pytest.approx(expected, rel=1e-2)
    assert matching(9 * FAR, 9 * FAR).value() == pytest.approx(expected, rel=1e-2)  # any scale
    assert matched(FAR, FAR).value() == 1
    none = jnp.zeros((2, 5, 3))
    assert matching(none, none).value() == pytest.approx(np.log(5), rel=1e-6)


def test_moved_speech_costs_the_squared_distance_over_the_mean():
    """Each window's own speech is at squared distance 200, another's at 0; the mean is 160."""
    moved = jnp.roll(FAR, 1, axis=1)
    assert matching(FAR, moved).value() == pytest.approx(SHARPNESS * 200 / 160, rel=1e-3)
    assert matched(FAR, moved).value() == 0


def test_rows_add_up_whatever_they_are_divided_into():
    rng = np.random.default_rng(0)
    lips, speech = (jnp.asarray(rng.normal(size=(4, 6, 3))) for _ in range(2))
    whole, parts = (
        matching(lips, speech),
        [matching(lips[i : i + 2], speech[i : i + 2]) for i in (0, 2)],
    )
    assert whole.total == pytest.approx(sum(float(p.total) for p in parts), rel=1e-5)
    assert whole.count == sum(float(p.count) for p in parts)


def test_classification_is_the_cross_entropy():
    logits = jnp.log(jnp.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]))
    expected = -(np.log(0.25) + np.log(0.8)) / 2
    assert classification(logits, jnp.array([1, 2])).value() == pytest.approx(expected, rel=1e-5)
