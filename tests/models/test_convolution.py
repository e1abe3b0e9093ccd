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


def inputs(window, dtype, channels=(9, 5)):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.standard_normal((2, 7, 6, channels[0])), dtype)
    kernel = jnp.asarray(rng.standard_normal((*window, *channels)), dtype)
    return x, kernel


@pytest.mark.parametrize("padding", PADS, ids=str)
@pytest.mark.parametrize("window", [(3, 3), (1, 1), (4, 2)], ids=str)
def test_values_and_gradients_are_those_of_xla(window, padding):
    with jax.enable_x64():
        x, kernel = inputs(window, jnp.float64)
        losses = [
            lambda x, kernel, form=form: jnp.sum(jnp.sin(form(x, kernel, padding)))
            for form in (conv2d, plain)
        ]
        ours, theirs = (jax.value_and_grad(loss, (0, 1))(x, kernel) for loss in losses)
    for found, wanted in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)  # sums in another order


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
