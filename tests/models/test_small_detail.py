"""The source's detail in the drawn image: all of it, some of it, none of it."""

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.models.resampling import mean_pool
from playmate_jax.models.small.detail import with_detail

SIDE, DRAWN, CELLS = 32, 16, 8
STILL, SEEN = jnp.zeros((1, CELLS, CELLS, 2)), jnp.ones((1, CELLS, CELLS, 1))


def source():
    values = np.random.default_rng(0).uniform(0.2, 0.8, (1, SIDE, SIDE, 3))
    return jnp.asarray(values, jnp.float32)


def test_a_face_that_is_drawn_as_the_source_shows_it_has_all_its_detail():
    image = source()
    drawn = mean_pool(image, SIDE // DRAWN)
    np.testing.assert_allclose(with_detail(drawn, image, STILL, SEEN), image, atol=1e-5)


def test_what_moves_takes_its_detail_along():
    image = source()
    flow = STILL + jnp.array([4 * 2 / SIDE, 0.0])  # read four pixels further to the right
    moved = jnp.concatenate([image[:, :, 4:], image[:, :, -1:].repeat(4, 2)], 2)
    found = with_detail(mean_pool(moved, 2), image, flow, SEEN)
    np.testing.assert_allclose(found, moved, atol=1e-4)


def test_what_the_source_does_not_show_stays_as_it_is_drawn():
    image = source()
    drawn = mean_pool(image, 2)
    enlarged = jax.image.resize(drawn, image.shape, "cubic")
    np.testing.assert_allclose(with_detail(drawn, image, STILL, 0 * SEEN), enlarged, atol=1e-6)
    other = drawn.at[:, :4, :4].add(0.6)  # an opened mouth: far from the source in two cells
    found = with_detail(other, image, STILL, SEEN)[:, :4, :4]
    expected = jax.image.resize(other, image.shape, "cubic")[:, :4, :4]
    np.testing.assert_allclose(found.mean(), expected.mean(), atol=0.02)
    assert float(jnp.abs(found - image[:, :4, :4]).mean()) > 0.4
