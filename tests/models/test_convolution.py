"""models/convolution.py: the same convolution and the same gradients as XLA's own."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from playmate_jax.models.convolution import Conv, conv2d

PADS = ["SAME", "VALID", ((0, 1), (2, 0))]


def plain(x, kernel, padding):
    return lax.conv_general_dilated(
        x, kernel, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def inputs(window, dtype, channels=(9, 5), size=(2, 7, 6)):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.standard_normal((*size, channels[0])), dtype)
    kernel = jnp.asarray(rng.standard_normal((*window, *channels)), dtype)
    return x, kernel


def both(x, kernel, padding):
    """Value and gradients of a loss by our form and by XLA's, as two lists of arrays."""
    losses = [
        lambda x, kernel, form=form: jnp.sum(jnp.sin(form(x, kernel, padding)))
        for form in (conv2d, plain)
    ]
    found = (jax.jit(jax.value_and_grad(loss, (0, 1)))(x, kernel) for loss in losses)
    return map(jax.tree.leaves, found)


# Few channels: all cells of the window side by side, of either side; many: cell by cell.
@pytest.mark.parametrize("channels", [(9, 5), (3, 9), (70, 67)], ids=str)
@pytest.mark.parametrize("padding", [*PADS, ((4, 3), (0, 5))], ids=str)
@pytest.mark.parametrize("window", [(3, 3), (1, 1), (4, 2)], ids=str)
def test_values_and_gradients_are_those_of_xla(window, padding, channels):
    with jax.enable_x64():
        for found, wanted in zip(*both(*inputs(window, jnp.float64, channels), padding)):
            np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-11)  # other order of sums


LARGE = {"channels": (129, 130), "size": (2, 45, 47)}  # the last tiles reach beyond the image


def test_values_and_gradients_of_large_images_are_those_of_xla():
    with jax.enable_x64():
        x, kernel = inputs((3, 3), jnp.float64, **LARGE)
        for found, wanted in zip(*both(x, kernel, "SAME")):
            np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-9)
        program = jax.jit(jax.grad(lambda x: jnp.sum(conv2d(x, kernel) ** 2))).lower(x).as_text()
    assert "stablehlo.convolution" not in program


def test_gradients_of_large_images_round_little():
    x, kernel = inputs((3, 3), jnp.float32, **LARGE)
    g = np.random.default_rng(1).standard_normal((2, 45, 47, 130)).astype(np.float32)
    ours = jax.vjp(conv2d, x, kernel)[1](jnp.asarray(g))
    with jax.enable_x64():
        exact = jax.vjp(lambda *a: plain(*a, "SAME"), *(jnp.float64(a) for a in (x, kernel)))[1](
            jnp.float64(g)
        )
    for found, wanted in zip(map(np.asarray, ours), map(np.asarray, exact), strict=True):
        assert np.linalg.norm(found - wanted) < 1e-5 * np.linalg.norm(wanted)


def test_without_a_gradient_large_images_are_convolved_by_xla():
    x, kernel = inputs((3, 3), jnp.float32, **LARGE)
    np.testing.assert_array_equal(conv2d(x, kernel), plain(x, kernel, "SAME"))


def test_the_gradient_has_the_type_of_the_kernel_and_is_summed_in_float32():
    x, kernel = inputs((3, 3), jnp.bfloat16)
    gradient = jax.grad(lambda kernel: jnp.sum(conv2d(x, kernel).astype(jnp.float32)))(kernel)
    assert gradient.dtype == jnp.bfloat16
    exact = jax.grad(lambda kernel: jnp.sum(plain(x.astype(jnp.float32), kernel, "SAME")))(
        kernel.astype(jnp.float32)
    )
    np.testing.assert_allclose(gradient.astype(jnp.float32), exact, rtol=2**-8)  # one rounding


def test_on_a_cpu_no_convolution_is_as_large_as_the_image():
    x, kernel = inputs((3, 3), jnp.float32)
    program = jax.jit(jax.grad(lambda kernel: jnp.sum(conv2d(x, kernel) ** 2))).lower(kernel)
    windows = [line for line in program.as_text().splitlines() if "stablehlo.convolution" in line]
    assert windows and all("3x3x9x5" in line for line in windows)


def test_the_layer_has_the_parameters_and_values_of_flax():
    x, _ = inputs((3, 3), jnp.float32)
    ours, flax = Conv(5, (3, 3)), nn.Conv(5, (3, 3))
    params = flax.init(jax.random.key(0), x)
    np.testing.assert_array_equal(ours.apply(params, x), flax.apply(params, x))
    with pytest.raises(ValueError, match="strides"):
        Conv(5, (3, 3), strides=2).init(jax.random.key(0), x)
