"""The source's detail in the drawn image: all of it, some of it, none of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.models.resampling import enlarged, mean_pool
from playmate_jax.models.small.detail import SHIFT, read_coefficients, with_detail

SIDE, DRAWN, CELLS = 32, 16, 8
STILL, SEEN = jnp.zeros((1, CELLS, CELLS, 2)), jnp.ones((1, CELLS, CELLS, 1))


def source(count=1):
    values = np.random.default_rng(0).uniform(0.2, 0.8, (count, SIDE, SIDE, 3))
    return jnp.asarray(values, jnp.float32)


def pixels_right(count):
    """A flow that reads so many pixels further to the right."""
    return STILL + jnp.array([count * 2 / SIDE, 0.0])


def wave(period):
    """Vertical stripes."""
    values = 0.5 + 0.3 * jnp.sin(2 * np.pi * jnp.arange(SIDE) / period)
    return jnp.broadcast_to(values[:, None], (1, SIDE, SIDE, 3))


def test_a_face_that_is_drawn_as_the_source_shows_it_has_all_its_detail():
    image = source()
    drawn = mean_pool(image, SIDE // DRAWN)
    found = with_detail(drawn, read_coefficients(image), STILL, SEEN)
    np.testing.assert_allclose(found, image, atol=1e-5)


def test_what_moves_takes_its_detail_along():
    image = source()
    moved = jnp.concatenate([image[:, :, 4:], image[:, :, -1:].repeat(4, 2)], 2)
    found = with_detail(mean_pool(moved, 2), read_coefficients(image), pixels_right(4), SEEN)
    np.testing.assert_allclose(found, moved, atol=1e-4)


def test_half_a_pixel_takes_less_of_a_wave_than_bilinear_reading_does():
    """A pixel is a quarter of the wave: half way between two, bilinear reading leaves .707."""
    grey = jnp.full((1, CELLS, CELLS, 3), 0.5)  # of a pixel that is as large as the wave
    found = with_detail(grey, read_coefficients(wave(4)), pixels_right(0.5), SEEN)
    amplitude = np.abs(np.fft.fft(found[0, 8, 8:24, 0])[4]) / 8 / 0.3
    # |linear weights at half a pixel less SHIFT| over |filter|, both at e^(i pi / 2)
    expected = abs(0.5 + SHIFT + (0.5 - SHIFT) * 1j) / abs(1 - SHIFT - SHIFT * 1j)
    np.testing.assert_allclose(amplitude, expected, atol=2e-3)
    assert amplitude > 0.75


def test_what_the_source_does_not_show_stays_as_it_is_drawn():
    image = source()
    drawn, detail = mean_pool(image, 2), read_coefficients(image)
    expected = enlarged(drawn, 2, "cubic")
    np.testing.assert_allclose(with_detail(drawn, detail, STILL, 0 * SEEN), expected, atol=1e-6)
    other = drawn.at[:, :4, :4].add(0.6)  # an opened mouth: far from the source in two cells
    found = with_detail(other, detail, STILL, SEEN)[:, :4, :4]
    expected = enlarged(other, 2, "cubic")[:, :4, :4]
    np.testing.assert_allclose(found.mean(), expected.mean(), atol=0.02)
    assert float(jnp.abs(found - image[:, :4, :4]).mean()) > 0.4


def test_a_shut_lid_of_the_same_mean_colour_does_not_show_what_it_hides():
    image = source()
    lid = enlarged(mean_pool(image, SIDE // CELLS), DRAWN // CELLS)  # no contrast within cells
    found = with_detail(lid, read_coefficients(image), STILL, SEEN)
    carried = with_detail(mean_pool(image, 2), read_coefficients(image), STILL, SEEN)

    def contrast(x):
        return float(jnp.square(x - enlarged(mean_pool(x, 4), 4)).mean())

    assert contrast(found) < 0.05 * contrast(carried)


def test_one_source_for_all_images_is_that_source_for_each():
    images = source(3)
    drawn = mean_pool(images, 2)
    flow = jnp.concatenate([pixels_right(n) for n in (0, 0.3, -2.6)])
    seen, one = SEEN.repeat(3, 0), read_coefficients(images[:1])
    shared = with_detail(drawn, one, flow, seen)
    each = with_detail(drawn, one.repeat(3, 0), flow, seen)
    np.testing.assert_allclose(shared, each, atol=1e-6)
    for n in range(3):
        alone = with_detail(drawn[n : n + 1], one, flow[n : n + 1], SEEN)
        np.testing.assert_allclose(shared[n : n + 1], alone, atol=1e-6)


def test_flows_out_of_the_image_read_its_edge():
    image = source()
    far = with_detail(mean_pool(image, 2), read_coefficients(image), pixels_right(1e4), SEEN)
    assert np.isfinite(far).all()
    edge = jnp.broadcast_to(image[:, :, -1:], image.shape)
    found = with_detail(mean_pool(edge, 2), read_coefficients(image), pixels_right(1e4), SEEN)
    np.testing.assert_allclose(found, edge, atol=1e-4)


@pytest.mark.parametrize(("how", "method"), [("linear", "bilinear"), ("cubic", "cubic")])
def test_enlarging_is_the_interpolation_of_jax_inside(how, method):
    """jax leaves weights outside the image out; here the outermost cells go on."""
    image = source()
    wanted = jax.image.resize(image, (1, 4 * SIDE, 4 * SIDE, 3), method)
    found = enlarged(image, 4, how)
    inside = (slice(None), slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(found[inside], wanted[inside], atol=1e-5)
