"""LivePortrait's second stage: each term by hand, and what it must not see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.faces.openness import openness as numpy_openness
from playmate_jax.losses.regions import LIPS, eyes_covered, lips_covered
from playmate_jax.losses.retargeting import eyes, lips, openness, random_openness, stitching
from playmate_jax.parallel.share import ALONE

B, SIZE = 2, 16


def image(seed: int):
    return jax.random.uniform(jax.random.key(seed), (B, SIZE, SIZE, 3))


def landmarks():
    points = jax.random.uniform(jax.random.key(1), (B, 468, 2), minval=-0.4, maxval=0.0)
    return points.at[:, jnp.array(LIPS), 1].add(0.6)


def offsets(size: int = 63):
    return jnp.zeros((B, size))


def values(terms):
    return {name: float(term.value()) for name, term in terms.items()}


def test_stitching_by_hand():
    # the lower quarter is wrong by 0.5: 0.125 of all; two of four offsets are 1 and -3
    recon = jnp.zeros((1, 4, 4, 3))
    mask = jnp.zeros((1, 4, 4, 1)).at[:, 3:].set(1)
    found = stitching(recon + 0.5, recon, mask, jnp.array([[1.0, 0.0, -3.0, 0.0]]))
    assert values(found) == {"shoulders": 0.125, "offset": 1.0}


def test_stitching_sees_nothing_but_the_shoulders():
    mask = jnp.zeros((B, SIZE, SIZE, 1)).at[:, 12:].set(1)
    changed = image(0).at[:, :12].set(0)
    assert values(stitching(changed, image(0), mask, offsets(65)))["shoulders"] == 0


@pytest.mark.parametrize(("loss", "mask", "n"), [(eyes, eyes_covered, 2), (lips, lips_covered, 1)])
def test_the_retargeted_part_may_change_and_nothing_else(loss, mask, n):
    part = mask(landmarks(), SIZE)
    wanted = jnp.full((B, 1), 0.3)
    inside = loss(image(0) + part, image(0), landmarks(), jnp.full((B, n), 0.3), wanted, offsets())
    assert values(inside) == {"outside": 0, "openness": 0, "offset": 0}
    beyond = loss(image(0) + 1, image(0), landmarks(), jnp.full((B, n), 0.3), wanted, offsets())
    assert values(beyond)["outside"] == pytest.approx(1 - float(part.mean()), rel=1e-5)


def test_openness_of_both_eyes_is_compared_with_the_one_that_is_wanted():
    found = jnp.array([[0.2, 0.5], [0.1, 0.1]])
    terms = eyes(image(0), image(0), landmarks(), found, jnp.full((B, 1), 0.1), offsets() - 2)
    assert values(terms) == pytest.approx({"outside": 0, "openness": 0.125, "offset": 2})
    assert {float(term.count) for term in terms.values()} == {B}


def test_what_is_wanted_gets_no_gradient():
    def loss(recon, wanted):
        terms = lips(image(0), recon, landmarks(), jnp.ones((B, 1)), wanted, offsets())
        return sum(term.value() for term in terms.values())

    for gradient in jax.grad(loss, argnums=(0, 1))(image(1), jnp.zeros((B, 1))):
        assert (gradient == 0).all()


def test_openness_is_that_of_the_landmarks():
    points = jax.random.normal(jax.random.key(0), (B, 468, 3))
    np.testing.assert_allclose(openness(points), numpy_openness(np.asarray(points)), rtol=1e-5)
    gradient = jax.grad(lambda x: openness(x).sum())(jnp.zeros((B, 468, 3)))
    assert np.isfinite(gradient).all()


def test_random_openness_covers_its_range_and_depends_on_its_rows_key_alone():
    draw = lambda n: random_openness(ALONE.row_keys(jax.random.key(0), n))  # noqa: E731
    many = np.asarray(draw(2000))
    # the mean of 2000 uniform draws over [0, .8) scatters by .0052: four of them
    assert many.min() >= 0 and many.max() < 0.8 and many.mean() == pytest.approx(0.4, abs=0.021)
    np.testing.assert_array_equal(many[:3], draw(3))
