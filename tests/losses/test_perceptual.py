"""The image pyramid against its definition, the perceptual loss by hand and by its laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import convolve2d

from playmate_jax.errors import UserError
from playmate_jax.losses.perceptual import TAP_WEIGHTS, gaussian, perceptual, pyramid
from playmate_jax.models.vgg19 import VGG19, VGG19Config

TINY = VGG19(VGG19Config(depths=(1, 1, 1, 1, 1), widths=(2, 3, 4, 4, 4)))


def images(seed: int, n: int = 3, size: int = 32):
    return jax.random.uniform(jax.random.key(seed), (n, size, size, 3))


def pixels(image):
    """The identity and the double: two taps whose values can be computed by hand."""
    return {"once": image, "twice": 2 * image}


@pytest.fixture(scope="module")
def vgg():
    variables = TINY.init(jax.random.key(0), images(0))
    return jax.jit(lambda image: TINY.apply(variables, image))


@pytest.mark.parametrize(("scale", "taps"), [(1, 1), (0.5, 5), (0.25, 13), (0.125, 29)])
def test_the_filter_has_the_published_number_of_taps(scale, taps):
    assert len(gaussian(scale)) == taps
    assert gaussian(scale).sum() == pytest.approx(1)


def test_the_filter_at_half_size_by_hand():
    # std 0.5: exp(-2 x^2) at -2 ... 2 is e^-8, e^-2, 1, e^-2, e^-8, of sum 1.271341
    expected = np.exp([-8.0, -2.0, 0.0, -2.0, -8.0]) / 1.271341
    np.testing.assert_allclose(gaussian(0.5), expected, rtol=1e-6)


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.125])
def test_the_pyramid_is_a_padded_convolution_and_every_nth_pixel(scale):
    image = jax.random.uniform(jax.random.key(0), (2, 40, 33, 3))
    kernel, step = np.outer(gaussian(scale), gaussian(scale)), round(1 / scale)
    (found,) = pyramid(image, (scale,))
    for b in range(2):
        for c in range(3):
            wanted = convolve2d(image[b, :, :, c], kernel, "same")[::step, ::step]
            # sums of up to 841 products of about 1 in float32
            np.testing.assert_allclose(found[b, :, :, c], wanted, atol=1e-6)


def test_full_size_is_the_image_itself():
    image = images(0)
    sizes = [level.shape[1] for level in pyramid(image)]
    assert sizes == [32, 16, 8, 4]
    assert pyramid(image)[0] is image


def test_a_plain_image_stays_plain_away_from_its_edges():
    (half,) = pyramid(jnp.full((1, 32, 32, 3), 0.7), (0.5,))
    np.testing.assert_allclose(half[:, 1:-1, 1:-1], 0.7, rtol=1e-6)


def test_the_loss_by_hand():
    # |0.75 - 0.5| = 0.25 at every pixel: 3 x 0.25 + 10 x 2 x 0.25
    drawn, wanted = jnp.full((2, 4, 4, 3), 0.75), jnp.full((2, 4, 4, 3), 0.5)
    found = perceptual(pixels, drawn, wanted, {"once": 3.0, "twice": 10.0}, (1.0,))
    assert float(found.value()) == 5.75 and float(found.count) == 2


def test_scales_are_summed():
    of = lambda scales: float(  # noqa: E731
        perceptual(pixels, images(0), images(1), {"once": 1.0}, scales).value()
    )
    assert of((1.0, 0.25)) == pytest.approx(of((1.0,)) + of((0.25,)), rel=1e-6)


def test_the_default_weights_are_face_vid2vids():
    assert tuple(TAP_WEIGHTS.values()) == (0.03125, 0.0625, 0.125, 0.25, 1.0)
    assert list(TAP_WEIGHTS) == [f"relu{i}_1" for i in range(1, 6)]


def test_equal_images_have_no_loss(vgg):
    assert float(perceptual(vgg, images(0), images(0), scales=(1.0, 0.5)).value()) == 0
    assert float(perceptual(vgg, images(0), images(1), scales=(1.0, 0.5)).value()) > 0


def test_the_wanted_image_gets_no_gradient(vgg):
    loss = lambda drawn, wanted: perceptual(vgg, drawn, wanted, scales=(1.0, 0.5)).value()  # noqa: E731
    to_drawn, to_wanted = jax.grad(loss, argnums=(0, 1))(images(0), images(1))
    assert (to_wanted == 0).all()
    assert (to_drawn != 0).any() and np.isfinite(to_drawn).all()


def test_rows_add_up_however_they_are_divided(vgg):
    drawn, wanted = images(0), images(1)
    whole = perceptual(vgg, drawn, wanted, scales=(1.0,))
    parts = [perceptual(vgg, drawn[r], wanted[r], scales=(1.0,)) for r in (slice(1), slice(1, 3))]
    added = jax.tree.map(jnp.add, *parts)
    assert float(added.value()) == pytest.approx(float(whole.value()), rel=1e-5)


def test_images_that_vanish_in_the_network_are_refused(vgg):
    with pytest.raises(UserError, match="at 0.25 of their size, found 32 x 32 pixels"):
        perceptual(vgg, images(0), images(1))
